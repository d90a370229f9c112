"""The runs over data of a notebook: the last one of each cell, stopped when the kernel ends."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from xinference_magics.chat.conversation import Execution
    from xinference_magics.data.run import MapRun

_END_SECONDS = 3.0
"""Seconds that a stopped run has to store what has arrived; Jupyter kills a kernel after five."""


class Runs:
    """Keeps the last run of each cell, for ``--retry-failed``."""

    def __init__(self) -> None:
        self._runs: list[tuple[Execution, MapRun]] = []
        self._background: list[MapRun] = []

    def add(self, execution: Execution, run: MapRun) -> None:
        """Keep the run of a cell instead of the one before."""
        for place, earlier in self._runs:
            if execution.reruns(place):
                earlier.stop()
        self._runs = [each for each in self._runs if not execution.reruns(each[0])]
        self._runs.append((execution, run))

    def of(self, execution: Execution) -> MapRun | None:
        """Return the last run of a cell."""
        found = [run for place, run in self._runs if execution.reruns(place)]
        return found[-1] if found else None

    def keep_until_exit(self, run: MapRun) -> None:
        """Stop a run in the background when the interpreter exits."""
        if not self._background:
            atexit.register(self.stop)
        self._background = [each for each in self._background if not each.done]
        self._background.append(run)

    def discard(self, deleted: Collection[str]) -> None:
        """Stop the runs of deleted cells, and forget them."""
        for place, run in self._runs:
            if place.cell_id in deleted:
                run.stop()
        self._runs = [each for each in self._runs if each[0].cell_id not in deleted]

    def stop(self) -> None:
        """Stop every run that is still going on."""
        atexit.unregister(self.stop)
        for run in self._background:
            run.stop_and_wait(_END_SECONDS)
        self._background = []
