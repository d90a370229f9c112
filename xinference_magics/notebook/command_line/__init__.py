"""The options of the magics, and the parser of the lines that carry them."""
