"""A kernel interrupt that is shown as one line."""

from __future__ import annotations


def interrupt(message: str) -> KeyboardInterrupt:
    """Return a KeyboardInterrupt to raise: Run All stops, and no traceback of ours is shown."""
    error = KeyboardInterrupt(message)
    # IPython asks this of the exception itself, and shows its lines in place of a traceback.
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {message}"]  # type: ignore[attr-defined]
    return error
