"""The events of a running turn: the chunks of a model, and what happens between them.

The source of a turn is an asynchronous iterator of events. The chunks of one message are
consecutive; a message that isn't a model's answer (a tool's result, an error shown to the model)
ends it, and the next chunk begins another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
)

from xinference_magics.errors import NotebookError


@dataclass(frozen=True)
class ToolStart:
    """A tool starts running.

    Attributes:
        id: The id of the call, which its `ToolMessage` repeats.
        name: The tool's name.
        args: The arguments of the call.
        asks: Whether the user is asked first; if they agree, the call starts once more.
    """

    id: str
    name: str
    args: dict[str, Any] = field(default_factory=dict)
    asks: bool = False


@dataclass(frozen=True)
class Parsed:
    """The answer as an object.

    Attributes:
        value: The object that the answer was parsed into.
    """

    value: Any


Event: TypeAlias = AIMessageChunk | ToolStart | ToolMessage | HumanMessage | Parsed
Source: TypeAlias = Callable[[], AsyncIterator[Event]]
"""Opens the events of a turn; called inside the event loop that streams them."""


def whole(message: BaseMessage) -> AIMessageChunk:
    """Convert a complete message to a single chunk."""
    if isinstance(message, AIMessageChunk):
        return message
    if not isinstance(message, AIMessage):
        return AIMessageChunk(content=message.content)
    fields = AIMessage.model_fields.keys() - {"type"}
    return AIMessageChunk(**{name: getattr(message, name) for name in fields})


def joined(chunks: Iterable[AIMessageChunk]) -> Iterator[AIMessageChunk]:
    """Join adjacent chunks that contain only text, because merging them one by one is slow."""
    for (plain, _), group in groupby(chunks, key=lambda chunk: (_is_plain(chunk), chunk.id)):
        first, *rest = group
        if plain and rest:
            texts = (str(chunk.content) for chunk in (first, *rest))
            yield first.model_copy(update={"content": "".join(texts)})
        else:
            yield from (first, *rest)


def _is_plain(chunk: AIMessageChunk) -> bool:
    return isinstance(chunk.content, str) and not (
        chunk.additional_kwargs
        or chunk.response_metadata
        or chunk.tool_call_chunks
        or chunk.usage_metadata
        or chunk.chunk_position
        or chunk.name
    )


def merged(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """Merge the chunks of one message; return an empty message if there are none."""
    if not chunks:
        return AIMessage("")
    first, *rest = joined(chunks)
    message = message_chunk_to_message(first + rest if rest else first)
    if not isinstance(message, AIMessage):
        raise NotebookError(f"The model streamed {type(first).__name__}, which is not an answer.")
    return message
