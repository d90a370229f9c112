"""LangChain messages -> the dicts that an OpenAI-compatible server reads.

Earlier tool calls are written so that the chat template of the model's family shows them correctly.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage, convert_to_openai_messages
from langchain_core.messages.tool import tool_call

from xinference_magics.plain import printable
from xinference_magics.wire.engines import MLX, SGLANG, TRANSFORMERS, VLLM
from xinference_magics.wire.media import ANY_READER, is_media, no_block, no_part
from xinference_magics.wire.shapes import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from xinference_magics.wire.media import Reader


_ENGINES = (TRANSFORMERS, VLLM, SGLANG, MLX)
"""Engines for which Xinference renders the template; llama.cpp does so itself, from a string."""

_FAMILIES = frozenset(
    {
        *("deepseek-v3.1", "dianjin-r1", "huatuogpt-o1-llama-3.1", "huatuogpt-o1-qwen2.5"),
        *("llama-3.1-instruct", "llama-3.3-instruct", "qwen1.5-chat", "qwen1.5-moe-chat"),
        *("qwen2-instruct", "qwen2-moe-instruct", "qwen2.5-instruct", "qwen2.5-coder-instruct"),
        *("qwq-32b", "vibethinker", "xiyansql-qwencoder-2504"),
    }
)
"""Families whose templates use `arguments | tojson` for strings, too.

Taken from Xinference 4.1, model/llm/models.
"""


def hold_calls(messages: Sequence[BaseMessage]) -> bool:
    """Return whether `messages` contain a tool call."""
    answers = (each for each in messages if isinstance(each, AIMessage))
    return any(each.tool_calls or each.invalid_tool_calls for each in answers)


def depend_on_family(engine: str | None) -> bool:
    """Return whether the model's family determines how its earlier calls are sent."""
    return (engine or "").casefold() in _ENGINES


def with_readable_calls(
    messages: list[dict[str, Any]], engine: str | None, family: str | None
) -> list[dict[str, Any]]:
    """Return `messages` with arguments as objects, if the template would encode them twice.

    Args:
        messages: The messages in wire format.
        engine: The model's engine, in lower case.
        family: The model's family, as named in its description.
    """
    if not depend_on_family(engine) or (family or "").casefold() not in _FAMILIES:
        return messages
    return [_with_objects(each) for each in messages]


def _with_objects(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls")
    return {**message, "tool_calls": [_with_object(each) for each in calls]} if calls else message


def _with_object(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": _object(function["arguments"])}}


def _object(arguments: str) -> Any:
    """Parse `arguments`; return them unchanged if they are not strict JSON (NaN is not)."""
    try:
        return json.loads(arguments, parse_constant=_refuse)
    except ValueError:
        return arguments


def _refuse(constant: str) -> None:
    raise ValueError(constant)


_SENT_AGAIN = {"text", "text-plain", "tool_use", None}
"""Types of blocks in an answer, besides media, that a later request may contain.

Calls are sent outside the content, reasoning that is sent back makes servers fail or models repeat
it, and what other providers' servers did for an answer means nothing to this one.
"""

_PARTS = {"text", "image_url", "video_url", "audio", "input_audio"}
"""What engines know. Xinference passes on any others, and transformers drops them silently."""

_MAX_ERROR_CHARS = 300
"""The maximum length of langchain-core's reason, which may quote the whole message."""


def hold_media(messages: Sequence[BaseMessage]) -> bool:
    """Return whether `messages` contain an image, audio or video."""
    contents = (message.content for message in messages if not isinstance(message.content, str))
    return any(is_media(block) for content in contents for block in content)


def to_wire(messages: Sequence[BaseMessage], reader: Reader = ANY_READER) -> list[dict[str, Any]]:
    """Convert `messages`, in order, for the model that will read them.

    Raises:
        BadRequestError: A block is invalid, or the model cannot read it; nothing was sent.
    """
    answered = {each.tool_call_id for each in messages if isinstance(each, ToolMessage)}
    repaired = [_repaired(_with_calls(each, answered), reader) for each in messages]
    try:
        sent = convert_to_openai_messages(repaired)
    except UNREADABLE as error:
        said = " ".join(str(error).split())[:_MAX_ERROR_CHARS]
        raise no_block(said.rstrip(".")) from error
    return [_checked(message) for message in sent]


def _with_calls(message: BaseMessage, answered: set[str]) -> BaseMessage:
    """Return `message` with the invalid calls that a tool result answers added to its calls.

    Without them, the result would refer to nothing. Their arguments are left out: servers parse
    those of earlier calls as JSON, and the result says what was wrong with them.
    """
    if not isinstance(message, AIMessage):
        return message
    invalid = [call for call in message.invalid_tool_calls if call["id"] in answered]
    if not invalid:
        return message
    named = [tool_call(name=call["name"] or "unknown", args={}, id=call["id"]) for call in invalid]
    return message.model_copy(update={"tool_calls": [*message.tool_calls, *named]})


def _repaired(message: BaseMessage, reader: Reader) -> BaseMessage:
    """Return `message` with only blocks that langchain-core's converter accepts."""
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
    for call in message.get("tool_calls") or ():
        call["function"]["arguments"] = _without_surrogates(call["function"]["arguments"])
    return message


def _without_surrogates(arguments: str) -> str:
    """Replace lone surrogates, which JSON escapes and engines fail on once they read it."""
    if "\\ud" not in arguments:
        return arguments
    try:
        text = json.dumps(json.loads(arguments), ensure_ascii=False)
    except ValueError:
        return arguments
    return arguments if printable(text) == text else printable(text)
