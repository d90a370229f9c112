"""Wait for a state that comes late on a busy machine."""

import time


def eventually(condition, what=lambda: "it never became so", seconds=120):
    """Wait until `condition()` is true; fail with `what()` if it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)
