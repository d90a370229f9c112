"""A view that is drawn anew in its place: in a page, in a terminal, or as text that grows."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TextIO

from xinference_magics.display.output import Output


class RefreshingView(ABC):
    """Shows what changes, in one place."""

    @abstractmethod
    def paint(self, html: str, text: str, note: str) -> None:
        """Show the newest state in place of the one before.

        Args:
            html: As HTML, the note included; nothing of a server's may be markup in it.
            text: As text, the note not included.
            note: A last line that changes each time, such as the clock.
        """


def choose_refreshing_view() -> RefreshingView:
    """Choose the view that suits the front end."""
    from IPython.core.getipython import get_ipython

    if getattr(get_ipython(), "kernel", None) is not None:
        return NotebookRefreshingView()
    return TerminalRefreshingView() if sys.stdout.isatty() else GrowingView()


class NotebookRefreshingView(RefreshingView):
    """One output of the cell, replaced in place; the saved notebook keeps the last one."""

    def __init__(self) -> None:
        self._output = Output()
        self._shown = False

    def paint(self, html: str, text: str, note: str) -> None:
        """Show the output, or replace it."""
        publish = self._output.replace if self._shown else self._output.show
        publish({"text/html": html, "text/plain": f"{text}\n{note}"})
        self._shown = True


class TerminalRefreshingView(RefreshingView):
    """Lines of a terminal, written over; each is cut at its width, so that it stays one line.

    Args:
        stream: A terminal; `sys.stdout` if None.
        size: Its columns and lines; asked of the terminal if None.
    """

    def __init__(self, stream: TextIO | None = None, size: tuple[int, int] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._size = size
        self._lines = 0

    def paint(self, html: str, text: str, note: str) -> None:  # noqa: ARG002  # no page here
        """Go back up, and write each line over the one before."""
        import shutil

        columns, rows = self._size or shutil.get_terminal_size()
        lines = [line[: columns - 1] for line in (*text.split("\n"), note)][: rows - 1]
        back = f"\x1b[{self._lines}A" if self._lines else ""
        self._stream.write(back + "".join(f"\r\x1b[K{line}\n" for line in lines) + "\x1b[J")
        self._stream.flush()
        self._lines = len(lines)


class GrowingView(RefreshingView):
    """Text that is printed when it has changed: for pipes and log files.

    Args:
        stream: Where to; `sys.stdout` if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._text = ""

    def paint(self, html: str, text: str, note: str) -> None:  # noqa: ARG002  # no page here
        """Print the text, if it is another one; the note alone is no change."""
        if text != self._text:
            self._stream.write(f"{text}\n{note}\n\n")
            self._stream.flush()
        self._text = text
