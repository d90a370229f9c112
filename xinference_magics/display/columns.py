"""What shows several turns while they run: a base, and one view for each kind of front end.

In a page they stand side by side. A terminal prints them one after the other: what the second
says is printed when the first has ended.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TextIO
from uuid import uuid4

from xinference_magics.display.comparison import about, bundle, summaries
from xinference_magics.display.page import Page
from xinference_magics.display.stream import front_end, kernel_of
from xinference_magics.display.terminal import TerminalView
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.live import LiveTurn


class ColumnsView(ABC):
    """Shows turns that run together; all methods are called on one thread, the main one."""

    @property
    def stop_requested(self) -> bool:
        """Whether the user asked for all turns to end."""
        return False

    @abstractmethod
    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show that the requests were sent."""

    @abstractmethod
    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Show what has arrived since the last call."""

    @abstractmethod
    def close(self, comparison: Comparison) -> None:
        """Show the turns in their settled form and leave nothing else behind."""

    @abstractmethod
    def update(self, comparison: Comparison) -> None:
        """Show, from any later cell, that another turn is kept."""

    @abstractmethod
    def dismiss(self) -> None:
        """Leave nothing behind: all failed before anything arrived."""


class HeadlessColumns(ColumnsView):
    """Shows the settled turns only, for runs that nobody watches."""

    def __init__(self) -> None:
        self._display_id = uuid4().hex

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing: no one waits."""

    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing: no one watches."""

    def close(self, comparison: Comparison) -> None:
        """Publish the settled turns as the cell's output."""
        from IPython.display import display

        display(bundle(comparison), raw=True, display_id=self._display_id)  # type: ignore[no-untyped-call]

    def update(self, comparison: Comparison) -> None:
        """Publish them anew in the same output."""
        from IPython.display import update_display

        update_display(bundle(comparison), raw=True, display_id=self._display_id)  # type: ignore[no-untyped-call]

    def dismiss(self) -> None:
        """Show nothing: nothing was shown."""


class NotebookColumns(HeadlessColumns):
    """Streams turns into a widget of the page that runs the cell.

    Args:
        kernel: The running kernel.
    """

    def __init__(self, kernel: Any) -> None:
        self._page = Page(kernel)
        self._display_id = self._page.display_id

    @property
    def stop_requested(self) -> bool:
        """Whether Stop was clicked, as far as the page could tell the kernel."""
        return self._page.stop_requested

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show the models' names, a clock for each and the Stop button."""
        self._page.open(lives)

    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Send the page what is new."""
        self._page.repaint(lives)

    def close(self, comparison: Comparison) -> None:
        """Replace the widget by the settled turns."""
        self._page.replace(lambda: bundle(comparison))

    def dismiss(self) -> None:
        """Replace the widget by nothing."""
        self._page.clear()


class TerminalColumns(ColumnsView):
    """Prints turns in their order.

    Args:
        stream: Where to; `sys.stdout` at the time of opening if None.
        live: Whether they are printed as they arrive, or only at the end.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool = True) -> None:
        self._stream = stream or sys.stdout
        self._live = live
        self._left: list[tuple[LiveTurn, TerminalView]] = []
        self._heads = 0

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Print the first name."""
        self._left = [(live, TerminalView(self._stream)) for live in lives]
        self._heads = len(lives)

    def repaint(self, lives: Sequence[LiveTurn]) -> None:  # noqa: ARG002  # they are known
        """Print what is new of the first turn that runs, and all of those that have ended."""
        if self._live:
            self._print()

    def close(self, comparison: Comparison) -> None:
        """End with a line on each turn, and on the conversation."""
        self._print(to_the_end=True)
        self._say(*summaries(comparison), about(comparison))

    def update(self, comparison: Comparison) -> None:
        """Say which turn is kept."""
        self._say(about(comparison))

    def dismiss(self) -> None:
        """Erase the note that something was waited for."""
        for _, view in self._left:
            view.dismiss()

    def _print(self, *, to_the_end: bool = False) -> None:
        while self._left:
            live, view = self._left[0]
            has_ended = live.ended or to_the_end  # looked at first: more may come meanwhile
            if self._heads == len(self._left):
                self._heads -= 1
                self._say(f"── {live.title} ──")
            view.repaint(live)
            if not has_ended:
                return
            view.end()
            self._say("")
            del self._left[0]

    def _say(self, *lines: str) -> None:
        self._stream.write("".join(f"{neutralise(line)}\n" for line in lines))
        self._stream.flush()


def choose_columns(shell: InteractiveShell, *, live: bool) -> ColumnsView:
    """Choose the view that suits the front end which sent the running cell.

    Args:
        shell: The shell whose cell is running.
        live: Whether answers are shown while they come, or only when they are there.
    """
    kind = front_end(shell)
    if kind == "terminal":
        return TerminalColumns(live=live)
    return NotebookColumns(kernel_of(shell)) if live and kind == "page" else HeadlessColumns()
