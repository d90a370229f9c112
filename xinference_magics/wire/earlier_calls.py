"""Earlier calls of a conversation, in the form in which the model's prompt shows them right.

OpenAI's arguments are a JSON text. The chat templates of some families write them as JSON once
more, so that the model sees a text within a text, which it copies in its next call. Xinference 4.1
hands the messages on to the templates as they were sent, and an object is then written once.
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
"""Those for which Xinference applies the template; llama.cpp does it itself, and reads the text."""

_FAMILIES = frozenset(
    {
        *("deepseek-v3.1", "dianjin-r1", "huatuogpt-o1-llama-3.1", "huatuogpt-o1-qwen2.5"),
        *("llama-3.1-instruct", "llama-3.3-instruct", "qwen1.5-chat", "qwen1.5-moe-chat"),
        *("qwen2-instruct", "qwen2-moe-instruct", "qwen2.5-instruct", "qwen2.5-coder-instruct"),
        *("qwq-32b", "vibethinker", "xiyansql-qwencoder-2504"),
    }
)
"""Whose templates (Xinference 4.1, model/llm/models) have `arguments | tojson` for a text, too."""


def hold_calls(messages: Sequence[BaseMessage]) -> bool:
    """Tell whether there is a call in `messages`."""
    answers = (each for each in messages if isinstance(each, AIMessage))
    return any(each.tool_calls or each.invalid_tool_calls for each in answers)


def depend_on_family(engine: str | None) -> bool:
    """Tell whether a model's family decides how its earlier calls are sent."""
    return (engine or "").casefold() in _ENGINES


def with_readable_calls(
    messages: list[dict[str, Any]], engine: str | None, family: str | None
) -> list[dict[str, Any]]:
    """Return `messages` with arguments as objects, where the template would encode them twice.

    Args:
        messages: As they go on the wire.
        engine: The model's engine, in lower case.
        family: The model's family, as its description names it.
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
    """Return what `arguments` stand for; a text of what no JSON has, as NaN, as it is."""
    try:
        return json.loads(arguments, parse_constant=_refuse)
    except ValueError:
        return arguments


def _refuse(constant: str) -> None:
    raise ValueError(constant)
