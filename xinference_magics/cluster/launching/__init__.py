"""From what was asked for to a model that runs."""
