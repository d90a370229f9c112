"""Ended answers and launches that no page has confirmed to have. Importing this imports nothing.

Their widgets stay open for a page that was reloaded. A cell that runs again closes its own; any
other cell that a user runs tells them how to get the answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from xinference_magics.display.inbox import Inbox

_PATIENCE_SECONDS = 5.0
"""How long a page may take to confirm, before a cell that was begun after that tells the user."""

_ended: dict[str, Ended] = {}


@dataclass
class Ended:
    """What has ended in a cell.

    Attributes:
        cell: The cell's ID; empty if the frontend sends none.
        title: Who answered, or what was launched.
        is_answer: Whether it is an answer.
        inbox: Receives the page's confirmation.
        close: Closes the widget.
        seconds: When it ended, in seconds since the epoch.
        is_told: Whether the user was told about it.
    """

    cell: str
    title: str
    is_answer: bool
    inbox: Inbox
    close: Callable[[], None]
    seconds: float = field(default_factory=time.time)
    is_told: bool = False


def add(key: str, ended: Ended) -> None:
    """Remember what has ended until its page confirms."""
    _ended[key] = ended


def forget(key: str) -> None:
    """Forget what a page has confirmed."""
    _ended.pop(key, None)


def close_of(cells: Collection[str]) -> None:
    """Close the widgets of cells that run again or were deleted."""
    for each in list(_ended.values()):
        if each.cell and each.cell in cells:
            each.close()


def untold(sent: float) -> list[Ended]:
    """Return what the user must be told about, each once.

    Args:
        sent: When the user ran the cell that tells, in seconds since the epoch. One that was queued
            before says nothing: the page's confirmation may be in the queue as well.
    """
    for each in list(_ended.values()):
        each.inbox.collect()
    untold = [
        each
        for each in list(_ended.values())
        if not each.is_told and sent - each.seconds > _PATIENCE_SECONDS
    ]
    for each in untold:
        each.is_told = True
    return untold
