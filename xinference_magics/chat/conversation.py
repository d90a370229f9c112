"""A conversation: turns in order, each belonging to the cell that made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.turn import Turn


@dataclass(frozen=True)
class Execution:
    """One run of one cell.

    Attributes:
        number: Tells the runs of a kernel apart.
        cell_id: The cell's own id, where the front end sends one (JupyterLab does, nbclient and
            terminals do not).
    """

    number: int
    cell_id: str | None = None

    def reruns(self, other: Execution) -> bool:
        """Whether this run replaces what `other` left."""
        return (
            self.cell_id is not None
            and self.cell_id == other.cell_id
            and self.number != other.number
        )


@dataclass
class Conversation:
    """An ordered list of turns in which re-running a cell replaces that cell's turns.

    A cell keeps its place: it sees only the turns before it, and later turns stay.
    """

    _entries: list[tuple[Execution, Turn]] = field(default_factory=list)

    @property
    def turns(self) -> list[Turn]:
        """The turns in their order."""
        return [turn for _, turn in self._entries]

    @property
    def messages(self) -> list[BaseMessage]:
        """All turns as LangChain messages."""
        return [message for turn in self.turns for message in turn.messages]

    def before(self, execution: Execution) -> list[Turn]:
        """The turns that `execution` continues, its own earlier ones among them."""
        return self.turns[: self._place(execution)]

    def add(self, turn: Turn, execution: Execution, *, anew: bool = False) -> None:
        """Put in a turn, dropping those that an earlier run of the same cell left.

        Args:
            turn: What was said.
            execution: Where.
            anew: Drop what stands before it, too: a conversation begins here.
        """
        place = self._place(execution)
        kept = [
            not (execution.reruns(run) or (anew and index < place))
            for index, (run, _) in enumerate(self._entries)
        ]
        self._entries = [entry for entry, keep in zip(self._entries, kept, strict=True) if keep]
        self._entries.insert(sum(kept[:place]), (execution, turn))

    def forget_cells(self, cell_ids: Collection[str]) -> None:
        """Drop the turns of cells that are no longer in the notebook."""
        self._entries = [entry for entry in self._entries if entry[0].cell_id not in cell_ids]

    def _place(self, execution: Execution) -> int:
        """Where a next turn of `execution` goes: after its own turns, else where its cell was."""
        runs = [run for run, _ in self._entries]
        own = [index for index, run in enumerate(runs) if run == execution]
        if own:
            return own[-1] + 1
        replaced = [index for index, run in enumerate(runs) if execution.reruns(run)]
        return replaced[0] if replaced else len(runs)
