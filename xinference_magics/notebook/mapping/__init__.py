"""``%%map``: a prompt over data, in a cell."""
