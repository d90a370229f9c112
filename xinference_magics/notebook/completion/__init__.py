"""Tab completion, with values that the server supplies."""
