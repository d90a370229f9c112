"""Xinference's management API: endpoints, running models, launches, the registry, workers."""
