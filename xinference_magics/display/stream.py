"""What shows a turn while it runs: a base, and one view for each kind of front end.

A view is opened when the request is sent, repainted on the main thread as text arrives, and closed
with the finished turn, which it then shows in its settled form. The streaming thread never
touches a view.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.live import Delta, LiveTurn
    from xinference_magics.chat.turn import Turn


STEPS = ("call", "result")
"""Kinds of deltas that are steps of a tool, as JSON."""


class View(ABC):
    """Shows one turn; all methods are called on one thread, the main one."""

    @property
    def stop_requested(self) -> bool:
        """Whether the user asked for the turn to end."""
        return False

    @abstractmethod
    def open(self, live: LiveTurn) -> None:
        """Show that the request was sent."""

    @abstractmethod
    def repaint(self, live: LiveTurn) -> None:
        """Show what has arrived since the last call."""

    @abstractmethod
    def close(self, turn: Turn) -> None:
        """Show the turn in its settled form and leave nothing else behind."""

    @abstractmethod
    def dismiss(self) -> None:
        """Leave nothing behind: the turn failed before anything arrived."""


class HeadlessView(View):
    """Shows the settled turn only, for runs that nobody watches."""

    def open(self, live: LiveTurn) -> None:
        """Show nothing: no one waits."""

    def repaint(self, live: LiveTurn) -> None:
        """Show nothing: no one watches."""

    def close(self, turn: Turn) -> None:
        """Publish the settled turn as the cell's output."""
        from IPython.display import display

        from xinference_magics.display.settled import bundle

        display(bundle(turn), raw=True)  # type: ignore[no-untyped-call]

    def dismiss(self) -> None:
        """Show nothing: nothing was shown."""


def choose_view(shell: InteractiveShell) -> View:
    """Choose the view that suits the front end which sent the running cell.

    Args:
        shell: The shell whose cell is running.
    """
    kind = front_end(shell)
    if kind == "terminal":
        from xinference_magics.display.terminal import TerminalView

        return TerminalView()
    if kind == "none":
        return HeadlessView()
    from xinference_magics.display.notebook import NotebookView

    return NotebookView(kernel_of(shell))


def front_end(shell: InteractiveShell) -> Literal["terminal", "page", "none"]:
    """Tell who sees what the running cell shows: a terminal, a page, or nobody while it runs."""
    # A kernel has not imported this, and what it imports takes a tenth of a second.
    terminal = sys.modules.get("IPython.terminal.interactiveshell")
    if terminal is not None and isinstance(shell, terminal.TerminalInteractiveShell):
        return "terminal"
    kernel = kernel_of(shell)
    return "none" if kernel is None or not is_watched(kernel) or is_captured(shell) else "page"


def kernel_of(shell: InteractiveShell) -> Any:
    """Return the kernel that runs the shell; None where none does."""
    return getattr(shell, "kernel", None)


def segments(deltas: Iterable[Delta]) -> list[tuple[str, str]]:
    """Join neighbouring deltas of one kind into `(kind, text)` pairs; each step stays alone."""
    joined: list[tuple[str, str]] = []
    for kind, group in groupby(deltas, key=lambda delta: delta.kind):
        texts = [delta.text for delta in group]
        joined += [(kind, text) for text in (texts if kind in STEPS else ["".join(texts)])]
    return joined


def is_watched(kernel: object) -> bool:
    """Tell a page with somebody in front of it from nbclient and what is built on it.

    nbclient, papermill and ``nbconvert --execute`` allow no input, and would keep the state of a
    widget in the notebook even after it is closed.
    """
    get_parent = getattr(kernel, "get_parent", None)
    if get_parent is None:
        return False
    content = get_parent("shell").get("content") or {}
    return bool(content.get("allow_stdin", True))


def is_captured(shell: InteractiveShell) -> bool:
    """Whether ``%%capture`` or the like collects what the cell displays."""
    from IPython.core.displaypub import CapturingDisplayPublisher

    return isinstance(shell.display_pub, CapturingDisplayPublisher)
