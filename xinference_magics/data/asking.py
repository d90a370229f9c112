"""Who answers the rows: a chat model, with or without a schema, or anything else LangChain has."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from xinference_magics.data.keys import Keys
    from xinference_magics.data.store import AnswerStore
    from xinference_magics.transport.limiter import Slots


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a row.

    Attributes:
        value: The answer: a text, or whatever the schema or the runnable makes of it.
        input_tokens: Tokens of the prompt, if they were counted.
        output_tokens: Tokens of the answer, if they were counted.
        cut: Whether `max_tokens` cut it off.
    """

    value: Any
    input_tokens: int = 0
    output_tokens: int = 0
    cut: bool = False


class Asker(ABC):
    """Asks for the answers to rows, and says under which key they are stored.

    Attributes:
        name: What answers, as people know it.
        fields: The columns that an answer fills, and the JSON type of each that has one.
        batch: How many rows go into one request.
        slots: How many requests it answers at once; None if unknown.
        keys: Makes the keys; None if answers cannot be found again.
    """

    name: str
    fields: Mapping[str, str | None]
    batch = 1
    slots: Slots | None = None
    keys: Keys | None = None

    def again(self) -> Asker:
        """Return what asks in another run."""
        return self

    @asynccontextmanager
    async def opened(self, store: AnswerStore | None) -> AsyncIterator[None]:
        """Get ready on the running loop: learn about the model, and open connections."""
        await self.get_ready(store)
        yield

    async def get_ready(  # noqa: B027  # optional
        self, store: AnswerStore | None
    ) -> None:
        """Learn what the keys depend on."""

    async def check_again(self) -> None:  # noqa: B027  # optional
        """Make sure, after the server was away, that the same model answers.

        Raises:
            NotebookError: Another one does, whose answers would be stored as those of the first.
        """

    def asked(self, prompt: Any) -> Any:
        """Return what is sent for a prompt."""
        return prompt

    def text(self, asked: Any) -> str:
        """Return what is sent as text, for people."""
        return asked if isinstance(asked, str) else json.dumps(asked, default=str)

    def full_text(self, asked: Any) -> str:
        """Return all that is sent as text, for people."""
        return self.text(asked)

    def key(self, asked: Any) -> bytes | None:
        """Return the key of an answer; None if it cannot be found again."""
        return None if self.keys is None else self.keys.of(self.decisive(asked))

    @abstractmethod
    def decisive(self, asked: Any) -> Any:
        """Return what is sent as JSON values."""

    @abstractmethod
    async def ask(self, asked: Sequence[Any]) -> list[Answer]:
        """Ask for the answers to at most `batch` rows.

        Raises:
            Exception: It failed.
        """

    def written(self, answer: Answer) -> str:
        """Return an answer as JSON, for the store."""
        from pydantic_core import to_jsonable_python

        tokens = [answer.input_tokens, answer.output_tokens]
        kept = {"value": to_jsonable_python(answer.value, fallback=str), "tokens": tokens}
        return json.dumps({**kept, "cut": True} if answer.cut else kept, ensure_ascii=False)

    def read(self, stored: str) -> Answer | None:
        """Return an answer from the store; None if it cannot be read any more."""
        try:
            kept = json.loads(stored)
            tokens = kept["tokens"]
            return Answer(self.revived(kept["value"]), tokens[0], tokens[1], kept.get("cut", False))
        except (ValueError, LookupError, TypeError):
            return None

    def revived(self, value: Any) -> Any:
        """Return a value from the store as it was before.

        Raises:
            ValueError: It does not match the schema any more.
        """
        return value

    def cells(self, value: Any) -> Sequence[Any]:
        """Return the values of `fields` in an answer, in order."""
        return (value,)
