"""Answers of a given form: streamed, read, and asked for again where they do not fit."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, is_typeddict

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from xinference_magics.chat.answerers import ModelAnswerer
from xinference_magics.chat.events import Parsed, merged
from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.events import Event
    from xinference_magics.chat_models import ChatXinference

_LONGEST_ERROR = 1000
"""Characters of what does not fit that a model is shown."""


@dataclass(frozen=True)
class Form:
    """The form of an answer.

    Attributes:
        asked: What the model is given: a Pydantic class, a TypedDict or a JSON schema.
        adapter: Reads an answer further, where LangChain leaves it a dict.
    """

    asked: Any
    adapter: TypeAdapter[Any] | None = None

    @classmethod
    def of(cls, schema: Any) -> Form:
        """Take a schema as the user has it.

        Raises:
            NotebookError: It is none.
        """
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            return cls(schema)
        if is_typeddict(schema):
            return cls(schema, _adapter(schema))
        if isinstance(schema, type) and is_dataclass(schema):
            adapter: TypeAdapter[Any] = TypeAdapter(schema)
            return cls({"title": schema.__name__, **adapter.json_schema()}, adapter)
        if isinstance(schema, dict) and "title" in schema:
            return cls(schema)
        raise NotebookError(
            "This is no schema of an answer.",
            hint="Give a Pydantic class, a TypedDict, a dataclass, or a JSON schema with a title.",
        )

    def read(self, value: Any) -> Any:
        """Read what LangChain has parsed.

        Raises:
            ValidationError: It does not fit.
        """
        return value if self.adapter is None else self.adapter.validate_python(value)


def _adapter(schema: Any) -> TypeAdapter[Any] | None:
    """Make what checks a TypedDict; that of `typing` cannot be checked before Python 3.12."""
    try:
        return TypeAdapter(schema)
    except PydanticUserError:
        return None


class Structured(ModelAnswerer):
    """A model whose answer is read into a form.

    Args:
        model: The model.
        form: The form of the answer.
        retries: How often an answer that does not fit is asked for again, with the error.
    """

    def __init__(self, model: ChatXinference, form: Form, retries: int = 0) -> None:
        super().__init__(model)
        self.form = form
        self.retries = retries

    async def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Answer until it fits.

        Raises:
            Exception: The last answer does not fit either; it says why.
        """
        asked = self.model.with_structured_output(self.form.asked, include_raw=True, **parameters)
        said = list(messages)
        for left in range(self.retries, -1, -1):
            attempt = _Attempt(self.form)
            async for part in asked.astream(said):
                for chunk in attempt.take(part):
                    yield chunk
            attempt.read()
            if attempt.error is None:
                yield Parsed(attempt.parsed)
                return
            if not left:
                raise attempt.error
            wrong = HumanMessage(f"That does not fit: {attempt.error}"[:_LONGEST_ERROR])
            said += [attempt.answer, wrong]
            yield wrong


class _Attempt:
    """One answer, as `with_structured_output` streams it with its raw message."""

    def __init__(self, form: Form) -> None:
        self.parsed: Any = None
        self.error: Exception | None = None
        self._form = form
        self._chunks: list[AIMessageChunk] = []

    @property
    def answer(self) -> AIMessage:
        """The answer as the model gave it, calls as text: nothing will answer them."""
        message = merged(self._chunks)
        calls = "".join(str(call["args"]) for call in message.tool_calls)
        return AIMessage(message.text or calls)

    def take(self, part: Any) -> list[AIMessageChunk]:
        """Take in one part of the stream; return the chunks in it."""
        if part.get("parsed") is not None:
            self.parsed = part["parsed"]
        self.error = part.get("parsing_error") or self.error
        raw = part.get("raw")
        if not isinstance(raw, AIMessageChunk):
            return []
        self._chunks.append(raw)
        return [raw]

    def read(self) -> None:
        """Read what was parsed into the form."""
        if self.error is None:
            try:
                self.parsed = self._form.read(self.parsed)
            except ValidationError as error:
                self.error = error
