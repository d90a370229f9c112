"""A view that redraws in place: in a page, in a terminal, or as growing text."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TextIO

from xinference_magics.display.output import Output


class RefreshingView(ABC):
    """Shows changing content in one place."""

    @abstractmethod
    def paint(self, html: str, text: str, note: str) -> None:
        """Replace the previous state with the newest.

        Args:
            html: The state as HTML, including the note; anything from a server must be escaped.
            text: The state as text, without the note.
            note: A last line that changes each time, such as the clock.
        """


def choose_refreshing_view() -> RefreshingView:
    """Choose the view for the frontend."""
    from IPython.core.getipython import get_ipython

    if getattr(get_ipython(), "kernel", None) is not None:
        return NotebookRefreshingView()
    return TerminalRefreshingView() if sys.stdout.isatty() else GrowingView()


class NotebookRefreshingView(RefreshingView):
    """One output of the cell, replaced in place; the saved notebook keeps the last state."""

    def __init__(self) -> None:
        self._output = Output()
        self._shown = False

    def paint(self, html: str, text: str, note: str) -> None:
        """Show the output, or replace it."""
        publish = self._output.replace if self._shown else self._output.show
        publish({"text/html": html, "text/plain": f"{text}\n{note}"})
        self._shown = True


class TerminalRefreshingView(RefreshingView):
    """Lines of a terminal, overwritten in place and cut to its width so that none of them wraps.

    Args:
        stream: A terminal; `sys.stdout` if None.
        size: Its columns and lines; queried from the terminal if None.
    """

    def __init__(self, stream: TextIO | None = None, size: tuple[int, int] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._size = size
        self._lines = 0

    def paint(self, html: str, text: str, note: str) -> None:  # noqa: ARG002  # no page here
        """Move the cursor back up, and overwrite each line."""
        import shutil

        columns, rows = self._size or shutil.get_terminal_size()
        lines = [line[: columns - 1] for line in (*text.split("\n"), note)][: rows - 1]
        back = f"\x1b[{self._lines}A" if self._lines else ""
        self._stream.write(back + "".join(f"\r\x1b[K{line}\n" for line in lines) + "\x1b[J")
        self._stream.flush()
        self._lines = len(lines)


class GrowingView(RefreshingView):
    """Text that is printed again whenever it changes, for pipes and log files.

    Args:
        stream: Where to print; `sys.stdout` if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._text = ""

    def paint(self, html: str, text: str, note: str) -> None:  # noqa: ARG002  # no page here
        """Print the text if it has changed; a change of only the note does not count."""
        if text != self._text:
            self._stream.write(f"{text}\n{note}\n\n")
            self._stream.flush()
        self._text = text
