"""What is worth knowing of a call that did not fail, as a warning or as a line of a cell.

A warning of Python's quotes the line of code that caused it. In a ``%%chat`` cell there is
none of the user's, so that the cell collects the sentences and shows them itself.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from xinference_magics.errors import IgnoredByEngineWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COLLECTED: ContextVar[list[str] | None] = ContextVar("xinference_magics_notes", default=None)


def note(sentence: str) -> None:
    """Warn with `sentence`, or hand it to whoever collects notes in this context."""
    collected = _COLLECTED.get()
    if collected is None:
        warnings.warn(sentence, IgnoredByEngineWarning, stacklevel=4)
    else:
        collected.append(sentence)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Collect the notes of the block, and of threads that were given its context."""
    notes: list[str] = []
    token = _COLLECTED.set(notes)
    try:
        yield notes
    finally:
        _COLLECTED.reset(token)


def show(notes: Iterable[str]) -> None:
    """Print each note in a line of its own, once, if the user's warning filters let it through."""
    with warnings.catch_warnings(record=True) as wanted:
        for sentence in dict.fromkeys(notes):
            warnings.warn(sentence, IgnoredByEngineWarning, stacklevel=2)
    for each in wanted:
        print(f"Note: {each.message}")  # noqa: T201  # the output of a cell
