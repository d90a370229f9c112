"""Write rows to a file in their order, while they are answered in any order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from xinference_magics.data.files import flat, writer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_AHEAD = 5000
"""Rows that may wait for an earlier one before no more are read."""


class Written:
    """A file of rows with their answers.

    Args:
        path: The file.
        kinds: The columns that answers fill, and the JSON type of each that has one.
    """

    def __init__(self, path: Any, kinds: Mapping[str, str | None]) -> None:
        self._writer = writer_of(path, kinds)
        self._names = list(kinds)
        self._waiting: dict[int, tuple[Any, Sequence[Any]]] = {}
        self._next = 0
        self._lock = threading.Lock()

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.path

    def has_room(self) -> bool:
        """Return whether more rows may be read."""
        return len(self._waiting) < _AHEAD

    def take(self, rows: Iterable[tuple[int, Any, Sequence[Any]]]) -> None:
        """Write rows as soon as all before them are written."""
        with self._lock:
            for number, row, cells in rows:
                self._waiting[number] = row, cells
            ready = []
            while self._next in self._waiting:
                ready.append(self._made(*self._waiting.pop(self._next)))
                self._next += 1
            if ready:
                self._writer.write(ready)

    def close(self) -> None:
        """Write what is left, without the rows that were not reached, and complete the file."""
        with self._lock:
            rows = [self._waiting[number] for number in sorted(self._waiting)]
            self._waiting.clear()
            self._writer.write(self._made(*row) for row in rows)
            self._writer.close()

    def _made(self, row: Any, cells: Sequence[Any]) -> dict[str, Any]:
        return {**flat(row), **dict(zip(self._names, cells, strict=True))}
