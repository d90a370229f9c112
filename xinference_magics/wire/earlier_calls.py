"""Earlier tool calls of a conversation, in the form that the model's prompt renders correctly.

OpenAI's arguments are a JSON string. The chat templates of some families encode them as JSON again,
so the model sees a string within a string and copies that in its next call. Xinference 4.1 passes
messages to the templates as sent, so arguments sent as an object are encoded only once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage

from xinference_magics.wire.engines import MLX, SGLANG, TRANSFORMERS, VLLM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage

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
