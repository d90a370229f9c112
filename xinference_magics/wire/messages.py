"""LangChain messages -> the dicts that an OpenAI-shaped server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage, convert_to_openai_messages
from langchain_core.messages.tool import tool_call

from xinference_magics.wire.media import ANY_READER, is_media, no_block, no_part
from xinference_magics.wire.shapes import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from xinference_magics.wire.media import Reader

_SENT_AGAIN = {"text", "text-plain", "tool_use", None}
"""Blocks of an answer that a request may carry, besides media.

Calls travel beside the content; a thought that is sent back makes servers fail or models repeat
it; and what other providers' servers did for an answer means nothing to this one.
"""

_PARTS = {"text", "image_url", "video_url", "audio", "input_audio"}
"""What engines know. Xinference passes the others on, and transformers drops them unsaid."""

_LONGEST = 300
"""Characters of langchain-core's reason, which may quote the whole message."""


def hold_media(messages: Sequence[BaseMessage]) -> bool:
    """Tell whether there is an image, a sound or a video in `messages`."""
    contents = (message.content for message in messages if not isinstance(message.content, str))
    return any(is_media(block) for content in contents for block in content)


def to_wire(messages: Sequence[BaseMessage], reader: Reader = ANY_READER) -> list[dict[str, Any]]:
    """Translate `messages`, in their order, for the model that is to read them.

    Raises:
        BadRequestError: There is a block that is none, or that the model cannot read; nothing was
            sent.
    """
    answered = {each.tool_call_id for each in messages if isinstance(each, ToolMessage)}
    repaired = [_repaired(_with_calls(each, answered), reader) for each in messages]
    try:
        sent = convert_to_openai_messages(repaired)
    except UNREADABLE as error:
        said = " ".join(str(error).split())[:_LONGEST]
        raise no_block(said.rstrip(".")) from error
    return [_checked(message) for message in sent]


def _with_calls(message: BaseMessage, answered: set[str]) -> BaseMessage:
    """Return `message` with the invalid calls that a result answers among its calls.

    Without them the result would be an answer to nothing. Their arguments are left out: servers
    read those of earlier calls as JSON, and the result says what was wrong with them.
    """
    if not isinstance(message, AIMessage):
        return message
    invalid = [call for call in message.invalid_tool_calls if call["id"] in answered]
    if not invalid:
        return message
    named = [tool_call(name=call["name"] or "unknown", args={}, id=call["id"]) for call in invalid]
    return message.model_copy(update={"tool_calls": [*message.tool_calls, *named]})


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
        and block.get("type") not in _SENT_AGAIN
        and not is_media(block)
    )


def _checked(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if part["type"] not in _PARTS:
            raise no_part(part["type"])
    return message
