"""Notes about calls that did not fail, shown as warnings or as lines of a cell's output.

A Python warning quotes the line of code that caused it. A chat cell has no such line of the
user's, so it collects the sentences and shows them itself.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import IgnoredByEngineWarning
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COLLECTED: ContextVar[list[str] | None] = ContextVar("xinference_magics_notes", default=None)


def note(sentence: str) -> None:
    """Warn with `sentence`, or add it to the notes collected in this context."""
    collected = _COLLECTED.get()
    if collected is None:
        warnings.warn(neutralise(sentence), IgnoredByEngineWarning, stacklevel=4)
    else:
        collected.append(sentence)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Collect the notes of the block, and of threads that run in its context."""
    notes: list[str] = []
    token = _COLLECTED.set(notes)
    try:
        yield notes
    finally:
        _COLLECTED.reset(token)


def wanted(notes: Iterable[str]) -> list[str]:
    """Return each note once, if the user's warning filters let it through.

    The filters are only read, because all threads share them.
    """
    return [sentence for sentence in dict.fromkeys(notes) if not _is_ignored(sentence)]


def _is_ignored(sentence: str) -> bool:
    for action, message, category, module, line in warnings.filters:
        named = _fits(message, sentence) and _fits(module, __name__) and not line
        if named and issubclass(IgnoredByEngineWarning, category):
            return action == "ignore"
    return False


def _fits(pattern: Any, text: str) -> bool:
    """Whether a filter's pattern matches: a regex, a string (the interpreter's own), or None."""
    if isinstance(pattern, str):
        return pattern == text
    return pattern is None or bool(pattern.match(text))


def show(notes: Iterable[str]) -> None:
    """Print each wanted note on its own line."""
    for sentence in wanted(notes):
        print(neutralise(f"Note: {sentence}"))  # noqa: T201  # the output of a cell
