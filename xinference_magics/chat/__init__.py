"""Turns and conversations: what is said and kept. Knows no IPython and no HTTP."""
