"""The runs of several models over the same data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from xinference_magics.data.rows import Data
    from xinference_magics.data.run import MapRun


class ComparedRuns(Shown):
    """The runs of several models, whose answers are in columns side by side.

    Attributes:
        runs: The runs by the names of their models.
    """

    def __init__(self, rows: Data, runs: list[MapRun]) -> None:
        self._rows = rows
        self.runs = {run.name: run for run in runs}

    @property
    def stopped(self) -> bool:
        """Whether one of them was stopped."""
        return any(run.stopped for run in self.runs.values())

    @property
    def label(self) -> str:
        """A short description of it."""
        return f"Runs of {', '.join(self.runs)}"

    @property
    def frame(self) -> Any:
        """The data with the columns of all models."""
        return self._rows.joined([c for run in self.runs.values() for c in run.columns()])

    @property
    def failed(self) -> dict[str, list[tuple[int, str]]]:
        """The failed rows of each model."""
        return {name: run.failed for name, run in self.runs.items()}

    @property
    def usage(self) -> dict[str, dict[str, int]]:
        """The tokens of each model."""
        return {name: run.usage for name, run in self.runs.items()}

    @property
    def seconds(self) -> float:
        """How long all of them took."""
        return sum(run.seconds for run in self.runs.values())

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.runs.values()))
