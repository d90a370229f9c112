"""The background turns of a notebook, stopped when the notebook ends."""

from __future__ import annotations

import atexit
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from xinference_magics.chat.conversation import Execution
    from xinference_magics.chat.pending import PendingTurn

_END_SECONDS = 2.0
"""Seconds that stopped turns have to close connections; Jupyter kills a kernel after five."""


class Background:
    """Starts background turns, and stops them when the interpreter exits or on unload."""

    def __init__(self) -> None:
        self._turns: list[tuple[Execution, PendingTurn]] = []

    def start(self, turn: PendingTurn, execution: Execution) -> None:
        """Start a turn on behalf of `execution`, the run of a cell."""
        if not self._turns:
            atexit.register(self.stop)
        self._turns = [(run, each) for run, each in self._turns if not each.done]
        turn.start()
        self._turns.append((execution, turn))

    def discard(self, execution: Execution, deleted: Collection[str]) -> None:
        """Stop the turns of deleted cells, and of the cell that is run again.

        Their outputs are gone too, so the turns stay out of their conversations.

        Args:
            execution: The run that is starting.
            deleted: Ids of cells that are no longer in the notebook.
        """
        for run, each in self._turns:
            if execution.reruns(run) or run.cell_id in deleted:
                each.discard()

    def stop(self) -> None:
        """Stop every turn that is still being answered."""
        atexit.unregister(self.stop)
        turns, self._turns = self._turns, []
        for _, each in turns:
            each.stop()
        until = time.monotonic() + _END_SECONDS
        for _, each in turns:
            each.wait(max(0.0, until - time.monotonic()))
