"""The view that shows turns while they run: the base class, and what all views need.

A view is opened when the requests are sent, repainted on the main thread as text arrives, and
closed with the finished turn, or a comparison of several, which it then shows in its settled
form. The streaming threads never touch a view.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from xinference_magics.display.output import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    def close(self, answer: Answer, *, raises: bool = False) -> None:
        """Show the settled form and leave nothing else behind.

        Args:
            answer: The answer.
            raises: Whether the cell raises its error: a failure is told once.
        """

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

    def close(self, answer: Answer, *, raises: bool = False) -> None:
        """Show the settled form."""
        self.output.show(settled_form(answer, raises=raises))

    def update(self, comparison: Comparison) -> None:
        """Show the settled form again in the same place."""
        self.output.replace(settled_form(comparison))

    def dismiss(self) -> None:
        """Do nothing: nothing was shown."""


def settled_form(answer: Answer, *, raises: bool = False) -> dict[str, Any]:
    """Describe a finished answer in every format a saved notebook needs; see `settled.bundle`."""
    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.display import comparison, settled

    if isinstance(answer, Comparison):
        return comparison.bundle(answer, raises=raises)
    return settled.bundle(answer, raises=raises)


def segments(deltas: Iterable[Delta]) -> list[tuple[str, str]]:
    """Join adjacent deltas of the same kind into `(kind, text)` pairs; steps stay separate."""
    joined: list[tuple[str, str]] = []
    for kind, group in groupby(deltas, key=lambda delta: delta.kind):
        texts = [delta.text for delta in group]
        joined += [(kind, text) for text in (texts if kind in STEPS else ["".join(texts)])]
    return joined
