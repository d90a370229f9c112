"""Prompts over data: map rows to answers, and store the answers so that none is lost."""
