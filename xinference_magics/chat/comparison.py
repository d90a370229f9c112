"""The answers of several models to one prompt; the conversation continues with one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.turn import RECORD_VERSION
from xinference_magics.errors import NotebookError
from xinference_magics.plain import neutralise
from xinference_magics.remedies import Remedy
from xinference_magics.shown import SettledAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.turn import Turn

COMPARISON_MIME = "application/vnd.xinference-magics.comparison+json"


@dataclass(repr=False, eq=False)
class Comparison(SettledAnswer):
    """The answers of several models to one prompt, each with the same earlier turns.

    The conversation continues with one of the answers: the first one that did not fail, in the
    order of the names, until `keep` chooses another.

    Attributes:
        names: The models asked: UIDs, or the user's variables.
        turns: Their turns, in the same order; a failed one has the status `failed`.
        kept: The turn that the conversation continues with; None if there is none.
        conversation: The conversation it is part of; None if it was asked outside any.
        on_kept: Called to redraw the comparison when another turn is kept.
    """

    names: tuple[str, ...]
    turns: list[Turn]
    conversation: Conversation | None = None
    kept: Turn | None = field(default=None, init=False)
    on_kept: Callable[[Comparison], None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._mark(first_answer(self.turns) if self.conversation is not None else None)

    def __len__(self) -> int:
        return len(self.turns)

    def __iter__(self) -> Iterator[Turn]:
        return iter(self.turns)

    def __getitem__(self, name: str) -> Turn:
        """Return the turn of a model; its ID, which a button gives, is found, too."""
        for turn in self.turns:
            if turn.id == name:
                return turn
        if name not in self.names:
            raise NotebookError(
                f"{name} was not compared.", hint=f"Compared: {', '.join(self.names)}."
            )
        return self.turns[self.names.index(name)]

    def __repr__(self) -> str:
        return neutralise(f"<{self.label}>")

    @property
    def label(self) -> str:
        """A short description of it."""
        kept = f": continuing with {self.kept_name}" if self.kept else ""
        return f"Comparison of {', '.join(self.names)}{kept}"

    @property
    def kept_name(self) -> str | None:
        """The name of the model whose turn is kept; None if there is none."""
        return None if self.kept is None else self.names[self.turns.index(self.kept)]

    @property
    def titles(self) -> list[str]:
        """The column titles: each model's UID, preceded by its name if they differ."""
        return [
            title_of(name, turn.model_uid)
            for name, turn in zip(self.names, self.turns, strict=True)
        ]

    def keep(self, name: str) -> Turn:
        """Continue the conversation with the answer of `name`, and return its turn.

        It replaces the turn kept so far; later turns stay.

        Raises:
            NotebookError: There is no such answer or no conversation, or the turn kept so far is
                gone, because its cell was run again or it was dropped.
        """
        turn = self[name]
        if not turn.is_answer:
            raise NotebookError(f"{name} has not answered.", hint=turn.error)
        if self.conversation is None or self.kept is None:
            raise NotebookError(
                "This was asked outside any conversation.", hint=Remedy.ASK_IN_CONVERSATION()
            )
        self.conversation.replace(self.kept, turn)
        self._mark(turn)
        if self.on_kept is not None:
            self.on_kept(self)
        return turn

    def to_record(self) -> dict[str, Any]:
        """Return a JSON record; among its turns, only the kept one names the conversation."""
        return {
            "version": RECORD_VERSION,
            "names": list(self.names),
            "turns": [turn.to_record() for turn in self.turns],
        }

    def _mark(self, kept: Turn | None) -> None:
        self.kept = kept
        for turn in self.turns:
            named = self.conversation if turn is kept else None
            turn.conversation = None if named is None else named.name


def title_of(name: str, uid: str) -> str:
    """Return the title of a model: its UID, preceded by its name if they differ."""
    return uid if name == uid else f"{name} ({uid})"


def first_answer(turns: Sequence[Turn]) -> Turn | None:
    """Return the first answer that did not fail, else the first partial one, else None."""
    answers = [turn for turn in turns if turn.is_answer]
    return next((turn for turn in answers if turn.status != "failed"), next(iter(answers), None))
