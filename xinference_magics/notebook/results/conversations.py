"""Conversations and their turns, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from xinference_magics.chat.conversation import Conversation
from xinference_magics.chat.conversations import DEFAULT
from xinference_magics.chat.turn import Turn
from xinference_magics.display.amounts import counted
from xinference_magics.display.tables import Column, Table
from xinference_magics.notebook.results.rows import Rows
from xinference_magics.plain import shortened

_MAX_CELL_CHARS = 60


def _short(text: str) -> str:
    return shortened(" ".join(text.split()), _MAX_CELL_CHARS)


def _status(turn: Turn) -> str:
    return "truncated" if turn.cut and turn.status == "done" else turn.status


def _of_second(column: Column[Any]) -> Column[Any]:
    """Adapt a column of turns to numbered turns."""
    return replace(column, value=lambda row: column.value(row[1]))


class ConversationRows(Rows[Conversation]):
    """The conversations of the notebook."""

    columns = (
        Column("name", lambda each: each.name or DEFAULT),
        Column("turns", len),
        Column("last", lambda each: _short(each.turns[-1].prompt) if each.turns else None),
        Column("system", lambda each: _short(each.system or "")),
    )

    @staticmethod
    def record(value: Conversation) -> dict[str, Any]:
        """Return the fields of one conversation, for `to_pandas`."""
        return {"name": value.name or DEFAULT, "turns": len(value), "system": value.system}


class TurnRows(Rows[Turn]):
    """The turns of a conversation, numbered from 1 in the table."""

    columns = (
        Column("prompt", lambda turn: _short(turn.prompt)),
        Column("answer", lambda turn: _short(turn.text)),
        Column("model", lambda turn: turn.model_uid, whole=True),
        Column("tokens", lambda turn: turn.tokens),
        Column("status", _status),
    )
    empty = "No turns yet."
    pending = 0
    """Number of turns still being answered in the background."""

    @property
    def table(self) -> Table[Any]:
        """The table that is shown."""
        number = Column[Any]("turn", lambda row: row[0])
        columns = (number, *map(_of_second, self.columns))
        caption = self.caption
        if self.pending:
            are = f"{counted(self.pending, 'turn')} {'is' if self.pending == 1 else 'are'}"
            caption = f"{caption} {are} being answered in the background.".strip()
        empty = caption if self.pending else self.empty
        return Table(enumerate(self, 1), columns, empty=empty, caption=caption)

    @staticmethod
    def record(value: Turn) -> dict[str, Any]:
        """Return the fields of one turn, for `to_pandas`."""
        names = ("prompt", "text", "reasoning", "model_uid", "status", "started", "seconds")
        return {name: getattr(value, name) for name in names} | {"tokens": value.tokens}
