"""LangChain messages -> the dicts that an OpenAI-shaped server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, convert_to_openai_messages

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.media import ANY_READER
from xinference_magics.wire.shapes import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from xinference_magics.wire.media import Reader

# Blocks of an answer that no request may carry: calls travel beside the content, and a
# thought that is sent back makes servers fail or models repeat it.
_NOT_SENT = {
    "reasoning",
    "thinking",
    "redacted_thinking",
    "tool_call",
    "tool_call_chunk",
    "invalid_tool_call",
}

_LONGEST = 300
"""Characters of langchain-core's reason, which may quote the whole message."""


def to_wire(messages: Sequence[BaseMessage], reader: Reader = ANY_READER) -> list[dict[str, Any]]:
    """Translate `messages`, in their order, for the model that is to read them.

    Raises:
        BadRequestError: There is a block that is none, or that the model cannot read; nothing was
            sent.
    """
    try:
        return convert_to_openai_messages([_repaired(message, reader) for message in messages])
    except UNREADABLE as error:
        said = " ".join(str(error).split())[:_LONGEST]
        raise BadRequestError(
            f"A message cannot be sent: {said.rstrip('.')}.",
            hint='Its content is text, or blocks such as {"type": "text", "text": "..."}.',
        ) from error


def _repaired(message: BaseMessage, reader: Reader) -> BaseMessage:
    """Return `message` with only such blocks as langchain-core's converter lets through."""
    if isinstance(message.content, str):
        return message
    blocks = [
        reader.part(block) if isinstance(block, dict) else block
        for block in message.content
        if not _left_out(message, block)
    ]
    return message.model_copy(update={"content": blocks})


def _left_out(message: BaseMessage, block: str | dict[str, Any]) -> bool:
    return (
        isinstance(message, AIMessage)
        and isinstance(block, dict)
        and block.get("type") in _NOT_SENT
    )
