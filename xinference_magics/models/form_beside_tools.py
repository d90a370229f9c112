"""A response format combined with tools: LangChain's agents ask for both in one request.

Engines that enforce a schema do so from the first character of the answer. With tools in the same
request, llama.cpp fails and vLLM never calls a tool (seen on Xinference 4.1 with real models). So
the response format is offered as one more tool, a call is required, and a call of that tool is the
answer.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableLambda

from xinference_magics.models.engine_lookup import when_called
from xinference_magics.wire.engines import FOLLOW_A_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from xinference_magics.chat_models import ChatXinference

_LAST = "Give the answer, when no other tool is needed any more."


def tool_of_form(
    engine: str | None, tools: Sequence[Mapping[str, Any]], choice: Any, response_format: Any
) -> dict[str, Any] | None:
    """Return the tool whose call is the answer; None if the format can be requested directly.

    Args:
        engine: The model's engine.
        tools: The tools of the request, as OpenAI dicts.
        choice: The tool choice, as sent on the wire.
        response_format: The response format, as an OpenAI dict.
    """
    form = response_format.get("json_schema") if isinstance(response_format, dict) else None
    schema = form.get("schema") if isinstance(form, dict) else None
    if (
        not tools
        or choice not in (None, "auto")
        or (engine or "").casefold() not in FOLLOW_A_SCHEMA
    ):
        return None
    if not isinstance(form, dict) or not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    taken = {str((tool.get("function") or {}).get("name")) for tool in tools}
    name = str(form.get("name") or "answer")
    while name in taken:
        name += "_"
    function = {"name": name, "description": _LAST, "parameters": schema}
    return {"type": "function", "function": function}


def with_form_and_tools(
    llm: ChatXinference, tools: Sequence[dict[str, Any]], options: Mapping[str, Any]
) -> Runnable[Any, AIMessage]:
    """Return a model with tools and a response format, which the engine combines when called.

    Args:
        llm: A model whose engine is not known yet.
        tools: The tools, as OpenAI dicts.
        options: The other arguments of `bind_tools`.
    """
    return when_called(llm, options, partial(_on_engine, llm, tools, options))


def _on_engine(
    llm: ChatXinference,
    tools: Sequence[dict[str, Any]],
    options: Mapping[str, Any],
    engine: str | None,
) -> Runnable[Any, AIMessage]:
    known = llm.model_copy(update={"engine": engine or ""})
    return known.bind_tools(tools, **options)


def answered_by(name: str) -> Runnable[AIMessage, AIMessage]:
    """Return a runnable that turns a call of the tool `name` into the answer."""

    def answered(message: AIMessage) -> AIMessage:
        given = [call for call in message.tool_calls if call["name"] == name]
        others = [call for call in message.tool_calls if call["name"] != name]
        if not given:
            return message
        text = message.text if others else json.dumps(given[0]["args"], ensure_ascii=False)
        changed: dict[str, Any] = {"content": text, "tool_calls": others}
        if not others:
            changed["response_metadata"] = {**message.response_metadata, "finish_reason": "stop"}
        if hasattr(message, "tool_call_chunks"):
            changed["tool_call_chunks"] = [
                chunk for chunk in message.tool_call_chunks if chunk["name"] != name
            ]
        return message.model_copy(update=changed)

    return RunnableLambda(answered)
