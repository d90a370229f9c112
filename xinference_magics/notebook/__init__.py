"""All that knows IPython: the magics, their arguments, prompts and the user's namespace."""
