"""The IPython integration: the magics, their arguments, prompts and the user's namespace."""
