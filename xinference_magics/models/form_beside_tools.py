"""An answer's form beside tools, as LangChain's agents ask for both in one request.

The engines that hold an answer to a schema do so from its first character: with tools in the same
request llama.cpp fails, and on vLLM no tool is ever called (seen on Xinference 4.1 with real
models). So the form is offered as one more tool, a call is required, and the call of that tool is
the answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableLambda

from xinference_magics.wire.engines import FOLLOW_A_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

_LAST = "Give the answer, when no other tool is needed any more."


def tool_of_form(
    engine: str | None, tools: Sequence[Mapping[str, Any]], choice: Any, response_format: Any
) -> dict[str, Any] | None:
    """Return the tool whose call is the answer; None where the form can be asked for as it is.

    Args:
        engine: The engine of the model.
        tools: The tools of the request, as OpenAI's dicts.
        choice: Which of them has to be called, as on the wire.
        response_format: The form, as OpenAI's dict.
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


def answered_by(name: str) -> Runnable[AIMessage, AIMessage]:
    """Return what makes an answer of the call of the tool `name`."""

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
