"""The notebook's connection, as a few lines of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xinference_magics.display.amounts import counted
from xinference_magics.notebook.results.models import NO_MODELS
from xinference_magics.plain import neutralise
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from xinference_magics.cluster.models import RunningModel


@dataclass(frozen=True, repr=False)
class Connection(Shown):
    """The result of ``%xinference status``, shown as text.

    Attributes:
        endpoint: The server's URL.
        version: The server's version; None if the credentials do not permit reading it.
        private: Whether it is the private server on this machine.
        credentials: The credentials in use, in a few words; empty if there are none.
        models: The models running there.
        in_use: UIDs of the models that the magics ask.
        turns: Turns in the conversation so far.
    """

    endpoint: str
    version: str | None = None
    private: bool = False
    credentials: str = ""
    models: tuple[RunningModel, ...] = ()
    in_use: tuple[str, ...] = ()
    turns: int = 0

    def __repr__(self) -> str:
        running = ", ".join(f"{model.uid} ({model.type})" for model in self.models)
        lines = [
            f"Connected to {self.endpoint} ({', '.join(self._notes())}).",
            f"Running: {running}." if running else NO_MODELS,
        ]
        if self.in_use:
            used = ", ".join(map(self._used, self.in_use))
            lines.append(f"In use: {used}; {counted(self.turns, 'turn')} in the conversation.")
        return neutralise("\n".join(lines))

    def _used(self, uid: str) -> str:
        runs = any(model.uid == uid for model in self.models)
        return uid if runs else f"{uid} (not running any more)"

    def _notes(self) -> list[str]:
        version = f"Xinference {self.version or 'of unknown version'}"
        return [version, *([self.credentials] if self.credentials else [])]
