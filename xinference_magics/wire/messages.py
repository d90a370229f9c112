"""LangChain messages -> the dicts that an OpenAI-shaped server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, convert_to_openai_messages

from xinference_magics.wire.media import part_for

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from langchain_core.messages import BaseMessage

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


def to_wire(
    messages: Sequence[BaseMessage],
    *,
    engine: str | None = None,
    unreadable: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Translate `messages`, in their order, for `engine` (None: an unknown one).

    Raises:
        BadRequestError: A block that the engine cannot read, or media of a kind that is
            `unreadable` for the model; nothing was sent.
    """
    return convert_to_openai_messages(
        [_repaired(message, engine, unreadable) for message in messages]
    )


def _repaired(message: BaseMessage, engine: str | None, unreadable: Collection[str]) -> BaseMessage:
    """Return `message` with only such blocks as langchain-core's converter lets through."""
    if isinstance(message.content, str):
        return message
    blocks = [
        part_for(block, engine, unreadable) if isinstance(block, dict) else block
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
