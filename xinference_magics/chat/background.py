"""The turns of a notebook that are answered in the background, until the notebook ends."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xinference_magics.chat.pending import PendingTurn

_PATIENCE = 2.0
"""Seconds for a stopped turn to close its connection; Jupyter kills a kernel after five."""


class Background:
    """Starts turns, and stops them when the interpreter or the extension ends."""

    def __init__(self) -> None:
        self._turns: list[PendingTurn] = []

    def start(self, turn: PendingTurn) -> None:
        """Start a turn."""
        if not self._turns:
            atexit.register(self.stop)
        self._turns = [*(each for each in self._turns if not each.done), turn]
        turn.start()

    def stop(self) -> None:
        """Stop all that is still being answered."""
        atexit.unregister(self.stop)
        turns, self._turns = self._turns, []
        for each in turns:
            each.stop()
        for each in turns:
            each.wait(_PATIENCE)
