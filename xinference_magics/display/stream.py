"""Views that show turns while they run: a base class, and one view for each kind of frontend.

A view is opened when the requests are sent, repainted on the main thread as text arrives, and
closed with the finished turn, or a comparison of several, which it then shows in its settled
form. The streaming threads never touch a view.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from xinference_magics.display.output import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.live import Delta, LiveTurn
    from xinference_magics.chat.turn import Turn

    Answer: TypeAlias = Turn | Comparison

STEPS = ("call", "result")
"""Kinds of deltas that are steps of a tool; their text is JSON."""


class View(ABC):
    """Shows one or several turns; all methods are called on the main thread."""

    def poll(self) -> bool:
        """Process what the user has done since the last call; return whether to stop."""
        return False

    @abstractmethod
    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show that the requests were sent."""

    @abstractmethod
    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Show what has arrived since the last call."""

    @abstractmethod
    def close(self, answer: Answer) -> None:
        """Show the settled form and leave nothing else behind."""

    @abstractmethod
    def update(self, comparison: Comparison) -> None:
        """Show that another turn is kept; any later cell may call this."""

    @abstractmethod
    def dismiss(self) -> None:
        """Leave nothing behind: all turns failed before anything arrived."""


class SettledView(View):
    """Shows only the settled form, for runs that nobody watches.

    Attributes:
        output: Where it is shown.
    """

    def __init__(self) -> None:
        self.output = Output()

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing: nobody is waiting."""

    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing: nobody is watching."""

    def close(self, answer: Answer) -> None:
        """Show the settled form."""
        self.output.show(settled_form(answer))

    def update(self, comparison: Comparison) -> None:
        """Show the settled form again in the same place."""
        self.output.replace(settled_form(comparison))

    def dismiss(self) -> None:
        """Do nothing: nothing was shown."""


def settled_form(answer: Answer) -> dict[str, Any]:
    """Describe a finished answer in every format a saved notebook needs; see `settled.bundle`."""
    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.display import comparison, settled

    return comparison.bundle(answer) if isinstance(answer, Comparison) else settled.bundle(answer)


def choose_view(shell: InteractiveShell, *, live: bool = True) -> View:
    """Choose the view for the frontend that sent the running cell.

    Args:
        shell: The shell whose cell is running.
        live: Whether answers are shown as they arrive, or only when they are complete.
    """
    kind = front_end(shell)
    if kind == "terminal":
        from xinference_magics.display.terminal import TerminalView

        return TerminalView(live=live)
    if kind == "none" or not live:
        return SettledView()
    from xinference_magics.display.page import PageView

    return PageView(kernel_of(shell))


def front_end(shell: InteractiveShell) -> Literal["terminal", "page", "none"]:
    """Return who sees the running cell's output: a terminal, a page, or nobody while it runs."""
    # A kernel has not imported this module, and importing it would take a tenth of a second.
    terminal = sys.modules.get("IPython.terminal.interactiveshell")
    if terminal is not None and isinstance(shell, terminal.TerminalInteractiveShell):
        return "terminal"
    kernel = kernel_of(shell)
    return "none" if kernel is None or not _is_watched(kernel) or _is_captured(shell) else "page"


def kernel_of(shell: InteractiveShell | None) -> Any:
    """Return the kernel that runs the shell, or None."""
    return getattr(shell, "kernel", None)


def segments(deltas: Iterable[Delta]) -> list[tuple[str, str]]:
    """Join adjacent deltas of the same kind into `(kind, text)` pairs; steps stay separate."""
    joined: list[tuple[str, str]] = []
    for kind, group in groupby(deltas, key=lambda delta: delta.kind):
        texts = [delta.text for delta in group]
        joined += [(kind, text) for text in (texts if kind in STEPS else ["".join(texts)])]
    return joined


def _is_watched(kernel: object) -> bool:
    """Return whether somebody is at the page, as opposed to nbclient or a tool built on it.

    nbclient, papermill and ``nbconvert --execute`` do not allow input, and would save the state of
    a widget in the notebook even after it is closed.
    """
    get_parent = getattr(kernel, "get_parent", None)
    if get_parent is None:
        return False
    content = get_parent("shell").get("content") or {}
    return bool(content.get("allow_stdin", True))


def _is_captured(shell: InteractiveShell) -> bool:
    """Return whether ``%%capture`` or the like collects what the cell displays."""
    from IPython.core.displaypub import CapturingDisplayPublisher

    return isinstance(shell.display_pub, CapturingDisplayPublisher)
