"""The results of a run's rows, as columns and as single rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.data.asking import Answer
from xinference_magics.data.columns import ERROR, Column
from xinference_magics.data.failures import line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.data.asking import Asker

    Result = Answer | Exception

NOT_REACHED = "not reached"
"""The error of rows that a stopped run has not asked."""


class Results(dict[int, "Result"]):
    """The results by the numbers of the rows.

    Args:
        asker: Says which columns an answer fills.
        prefix: Put before the names of the columns.
        suffix: Put after them.
        earlier: The results of a run before this one.
    """

    def __init__(
        self, asker: Asker, prefix: str, suffix: str, earlier: Results | None = None
    ) -> None:
        super().__init__(earlier or {})
        self._asker = asker
        self._kinds = {
            f"{prefix}{name}{suffix}": kind
            for name, kind in {**asker.fields, ERROR: "string"}.items()
        }

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._kinds)

    @property
    def failed(self) -> list[tuple[int, str]]:
        """The numbers of the rows that failed, each with its error."""
        return [(n, line(each)) for n, each in sorted(self.items()) if isinstance(each, Exception)]

    def value(self, number: int) -> Any:
        """Return the answer of a row, or its exception."""
        result = self[number]
        return result.value if isinstance(result, Answer) else result

    def cells(self, result: Result | None) -> Sequence[Any]:
        """Return the values of the columns for a result; None for a row without one."""
        if isinstance(result, Answer):
            return [*self._asker.cells(result.value), None]
        gaps: list[Any] = [None] * (self.width - 1)
        return [*gaps, NOT_REACHED if result is None else line(result)]

    def named(self, number: int) -> dict[str, Any]:
        """Return the columns of a row, by their names."""
        return dict(zip(self._kinds, self.cells(self.get(number)), strict=True))

    def columns(self, count: int) -> list[Column]:
        """Return the columns for the first `count` rows."""
        columns = [Column(name, kind) for name, kind in self._kinds.items()]
        for number in range(count):
            for column, value in zip(columns, self.cells(self.get(number)), strict=True):
                column.cells.append(value)
        return columns
