"""Xinference's management API: endpoints, running models, launches, the local server."""
