"""A whole answer of the server -> AIMessage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from xinference_magics.errors import ServerError
from xinference_magics.wire.metadata import response_metadata, usage_metadata
from xinference_magics.wire.reasoning import ReasoningSplitter
from xinference_magics.wire.shapes import (
    logprobs_in,
    object_in,
    objects_in,
    text_in,
    understood,
)
from xinference_magics.wire.text_calls import TextCall, ToolCallSplitter, as_json, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import InvalidToolCall, ToolCall

    from xinference_magics.wire.request import ChatRequest


def to_message(data: Mapping[str, Any], request: ChatRequest) -> AIMessage:
    """Translate an answer.

    Raises:
        ServerError: It has no message in it, or another form than it has to have.
    """
    with understood(request.model_uid, request.request_id):
        return _message(data, request)


def _message(data: Mapping[str, Any], request: ChatRequest) -> AIMessage:
    choices = objects_in(data, "choices")
    if not choices:
        raise ServerError(f"{request.model_uid} sent an answer without a message.")
    choice = choices[0]
    said = object_in(choice, "message")
    thought, text = _parts(said, request)
    text, in_text = _without_calls(text, request)
    finish = text_in(choice, "finish_reason") or None
    native = objects_in(said, "tool_calls")
    calls = [_native(call, cut=finish == "length") for call in native] + in_text
    if in_text and finish == "stop":
        finish = "tool_calls"
    if not text and not calls and finish == "stop":
        # With its reasoning parser on, llama.cpp loses the thought and calls the answer one.
        thought, text = "", thought
    metadata = response_metadata(request, finish, data)
    if logprobs := logprobs_in(choice):
        metadata["logprobs"] = logprobs
    return AIMessage(
        content=text,
        additional_kwargs={"reasoning_content": thought} if thought else {},
        response_metadata=metadata,
        usage_metadata=usage_metadata(usage) if (usage := object_in(data, "usage")) else None,
        tool_calls=[_valid(call) for call in calls if call.complete],
        invalid_tool_calls=[_invalid(call) for call in calls if not call.complete],
    )


def _valid(call: TextCall) -> ToolCall:
    arguments = json.loads(call.arguments or "{}", strict=False)
    return tool_call(name=call.name or "", args=arguments, id=call.id)


def _invalid(call: TextCall) -> InvalidToolCall:
    return invalid_tool_call(
        name=call.name, args=call.arguments, id=call.id, error="The arguments are no JSON object."
    )


def _parts(said: Mapping[str, Any], request: ChatRequest) -> tuple[str, str]:
    """Return thought and answer."""
    text = text_in(said, "content")
    thought = text_in(said, "reasoning_content") or text_in(said, "reasoning")
    if request.without_thinking and thought:
        return "", thought + text
    splitter = ReasoningSplitter(prefilled=request.think_prefilled and not thought)
    start = splitter.thought(thought) if thought else ""
    more, answer = splitter.text(text)
    last, rest = splitter.end()
    return start + more + last, answer + rest


def _without_calls(text: str, request: ChatRequest) -> tuple[str, list[TextCall]]:
    if not request.tools or not text:
        return text, []
    splitter = ToolCallSplitter(request.tools)
    before, calls = splitter.feed(text)
    after, torn = splitter.end()
    return before + after, calls + torn


def _native(call: Mapping[str, Any], *, cut: bool) -> TextCall:
    function = object_in(call, "function")
    arguments = as_json(function.get("arguments") or "")
    name, call_id = text_in(function, "name") or None, text_in(call, "id") or None
    complete = is_object(arguments) and not (cut and not arguments)
    return TextCall(name, arguments, complete, call_id)
