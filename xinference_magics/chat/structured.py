"""Answers that match a schema: streamed, parsed, and requested again if they do not match."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, get_origin

from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from xinference_magics.chat.events import Parsed, merged
from xinference_magics.chat.responders import ModelResponder
from xinference_magics.errors import NotebookError, shown_as
from xinference_magics.models.structured_errors import without_link
from xinference_magics.models.structured_output import structured_parts
from xinference_magics.wire.schema import as_function

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from langchain_core.messages import AIMessageChunk, BaseMessage

    from xinference_magics.chat.events import Event
    from xinference_magics.chat_models import ChatXinference

_MAX_ERROR_CHARS = 1000
"""Maximum characters of a mismatch shown to the model."""


@dataclass(frozen=True)
class Form:
    """The form that an answer must have.

    Attributes:
        asked: The schema given to the model: a Pydantic class, a TypedDict or a JSON schema.
        adapter: Validates an answer that LangChain leaves as a dict.
        wrapped: The key of the answer's only field, if it is not an object itself; empty if it is.
    """

    asked: Any
    adapter: TypeAdapter[Any] | None = None
    wrapped: str = ""

    @classmethod
    def of(cls, schema: Any, place: str = "") -> Form:
        """Create a form from a schema of any type that users may pass.

        Args:
            schema: The schema.
            place: Where it was given, before the message of an error.

        Raises:
            NotebookError: `schema` isn't a schema.
            BadRequestError: `schema` is a dict, but not a JSON schema.
        """
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            return cls(schema)
        if is_typeddict(schema):
            return cls(schema, _adapter(schema))
        if isinstance(schema, type) and is_dataclass(schema):
            return cls._of_dataclass(schema)
        if isinstance(schema, dict):
            as_function(schema)
            return cls(schema)
        if get_origin(schema) is not None:
            return cls._wrapping(schema)
        raise NotebookError(
            f"{place}{_kind(schema)} is not an answer schema.",
            hint="Pass a Pydantic class, a TypedDict, a dataclass, list[it] or a JSON schema.",
        )

    @classmethod
    def _of_dataclass(cls, schema: type) -> Form:
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(schema)
            return cls({"title": schema.__name__, **adapter.json_schema()}, adapter)
        except PydanticUserError as error:
            raise _undescribable(schema.__name__, error) from error

    @classmethod
    def _wrapping(cls, kind: Any) -> Form:
        """Create a form for what is not an object, such as `list[Person]`, as its only field."""
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(kind)
            field = adapter.json_schema()
        except PydanticUserError as error:
            raise _undescribable(str(kind), error) from error
        key = "items" if field.get("type") == "array" else "value"
        definitions = field.pop("$defs", None)
        asked = {
            "title": "Answer",
            "type": "object",
            "properties": {key: field},
            "required": [key],
            **({"$defs": definitions} if definitions else {}),
        }
        return cls(asked, adapter, key)

    def read(self, value: Any) -> Any:
        """Validate what LangChain has parsed.

        Raises:
            ValidationError: It does not match the form.
        """
        if self.wrapped:
            value = value[self.wrapped]
        return value if self.adapter is None else self.adapter.validate_python(value)

    def taken(self, result: Mapping[str, Any]) -> tuple[Any, Exception | None]:
        """Validate the result of a parser beside its raw answer; return it, or the error."""
        if result["parsing_error"] is not None:
            return None, result["parsing_error"]
        try:
            return self.read(result["parsed"]), None
        except ValidationError as error:
            return None, error


def _undescribable(name: str, error: PydanticUserError) -> NotebookError:
    said = " ".join(str(error).split()).partition(". ")[0]
    return NotebookError(
        f"{name} cannot be used as an answer schema: {said}.",
        hint="Its fields must be strings, numbers, lists or other dataclasses.",
    )


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a value of type {type(value).__name__}"


def _adapter(schema: Any) -> TypeAdapter[Any] | None:
    """Return a validator for a TypedDict; None for `typing.TypedDict` before Python 3.12."""
    try:
        return TypeAdapter(schema)
    except PydanticUserError:
        return None


class Structured(ModelResponder):
    """A model whose answer is parsed into a form.

    Args:
        model: The model.
        form: The form of the answer.
        retries: How often to ask again, with the error, if an answer does not match.
    """

    def __init__(self, model: ChatXinference, form: Form, retries: int = 0) -> None:
        super().__init__(model)
        self.form = form
        self.retries = retries

    async def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Answer until an answer matches the form; one cut off by `max_tokens` is not repeated.

        Raises:
            Exception: The last answer does not match either; the error says why.
        """
        # A streaming parser skips whatever does not match, so the parser gets the whole answer.
        answers, parser = await structured_parts(self.model, self.form.asked, parameters)
        said = list(messages)
        for left in range(self.retries, -1, -1):
            chunks: list[AIMessageChunk] = []
            async for chunk in answers.astream(said):
                chunks.append(chunk)
                yield chunk
            answer = merged(chunks)
            parsed, error = self.form.taken(await parser.abeside_raw({"raw": answer}))
            if error is None:
                yield Parsed(parsed)
                return
            if not left or answer.response_metadata.get("finish_reason") == "length":
                raise shown_as(error, f"{type(error).__name__}: {without_link(error)}")
            again = correction(answer, error)
            said += again
            yield again[-1]


def correction(answer: AIMessage, error: Exception) -> tuple[AIMessage, HumanMessage]:
    """Return the messages that ask again after an answer that does not match its form."""
    wrong = f"That does not match the schema: {error}"[:_MAX_ERROR_CHARS]
    return _as_text(answer), HumanMessage(wrong)


def _as_text(answer: AIMessage) -> AIMessage:
    """Return an answer with its tool calls as text, because no tool will answer them."""
    return AIMessage(answer.text or "".join(str(call["args"]) for call in answer.tool_calls))
