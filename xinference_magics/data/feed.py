"""Turn rows into requests, on a thread of its own: that runs the user's code."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from xinference_magics.data.asking import Answer, Asker
    from xinference_magics.data.store import AnswerStore

_MOST_ROWS = 500
"""Rows prepared together, whose keys are looked up in one query."""
_MOST_SECONDS = 0.05
"""Seconds after which prepared rows are passed on, if the data comes slowly."""


@dataclass(slots=True)
class Prepared:
    """A row with what is sent for it.

    Attributes:
        index: Its number, from 0.
        row: The row.
        asked: What is sent.
        key: The key of its answer; None if it cannot be found again.
        answer: Its answer, if that was stored.
        error: Why nothing can be sent for it.
    """

    index: int
    row: Any
    asked: Any = None
    key: bytes | None = None
    answer: Answer | None = None
    error: Exception | None = None


class Feed:
    """Reads rows and prepares them.

    Args:
        rows: The rows; they are read only when they are needed.
        prompt: Makes the prompt of a row.
        asker: Knows what is sent for it, and under which key its answer is stored.
        store: Where answers are looked up; None for nowhere.
        fresh: Whether to look up none.
        only: The numbers of the rows to prepare; None for all.
    """

    def __init__(  # noqa: PLR0913  # all that a row passes through
        self,
        rows: Iterator[Any],
        prompt: Callable[[Any], Any],
        asker: Asker,
        store: AnswerStore | None,
        *,
        fresh: bool = False,
        only: Collection[int] | None = None,
    ) -> None:
        self._rows = enumerate(rows)
        self._prompt = prompt
        self._asker = asker
        self._store = None if fresh else store
        self._only = only
        self.read = 0

    def take(self) -> list[Prepared]:
        """Prepare the next rows; none are left if the list is empty.

        Raises:
            Exception: The data cannot be read any further.
        """
        taken: list[Prepared] = []
        until = time.monotonic() + _MOST_SECONDS
        for index, row in self._rows:
            self.read = index + 1
            if self._only is not None and index not in self._only:
                continue
            taken.append(self._prepared(index, row))
            if len(taken) >= _MOST_ROWS or time.monotonic() > until:
                break
        self._look_up(taken)
        return taken

    def _prepared(self, index: int, row: Any) -> Prepared:
        made = Prepared(index, row)
        try:
            made.asked = self._asker.asked(self._prompt(row))
            made.key = self._asker.key(made.asked)
        except Exception as error:  # noqa: BLE001  # the row's own error, such as in its prompt
            made.error = error
        return made

    def _look_up(self, rows: list[Prepared]) -> None:
        keys = [row.key for row in rows if row.key is not None]
        found = self._store.get(keys) if self._store and keys else {}
        for row in rows:
            if row.key in found:
                row.answer = self._asker.read(found[row.key])
