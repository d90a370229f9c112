"""Turns and conversations, independent of IPython and HTTP."""
