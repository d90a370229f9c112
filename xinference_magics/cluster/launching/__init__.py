"""Launching: from the user's request to a running model."""
