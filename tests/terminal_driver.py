"""IPython in a pseudo-terminal, driven as a person would drive it."""

import sys
from contextlib import contextmanager

import pexpect


class Terminal:
    """A terminal IPython at its prompt.

    Args:
        child: Its process.
    """

    def __init__(self, child):
        self.child = child
        self._number = 0

    def run(self, line, *expected):
        """Type a line at the next prompt, and wait for each expected pattern, in order."""
        self.await_prompt()
        self.child.sendline(line)
        self.expect(*expected)

    def expect(self, *expected):
        """Wait for regular expressions, in order."""
        for each in expected:
            self.child.expect(each)

    def await_prompt(self):
        """Wait until the previous line has finished."""
        self._number += 1
        self.child.expect(rf"In \[{self._number}\]: ")


@contextmanager
def terminal(environment):
    """Start a terminal IPython; it ends with the block."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        env=environment,
        encoding="utf-8",
        timeout=240,
        dimensions=(50, 200),
    )
    try:
        yield Terminal(child)
    finally:
        child.close(force=True)
