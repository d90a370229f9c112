"""A server's complete answer -> AIMessage."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from xinference_magics.errors import ServerError
from xinference_magics.wire.calls.splitter import CUT_OFF, ToolCallSplitter
from xinference_magics.wire.forced_calls import whole_calls
from xinference_magics.wire.metadata import REFUSAL, response_metadata, usage_in
from xinference_magics.wire.native_calls import (
    TextCall,
    arguments_in,
    function_in,
    id_in,
    is_object,
    name_in,
    new_id,
    unwrapped,
)
from xinference_magics.wire.reasoning import ReasoningSplitter, only_closes
from xinference_magics.wire.shapes import (
    calls_in,
    content_in,
    finish_in,
    logprobs_in,
    message_in,
    objects_in,
    refusal_in,
    says_nothing,
    text_in,
    understood,
    whole_characters,
    whole_escapes,
)
from xinference_magics.wire.tools import demanding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from langchain_core.messages import InvalidToolCall, ToolCall

    from xinference_magics.wire.request import ChatRequest


def to_message(data: Mapping[str, Any], request: ChatRequest) -> AIMessage:
    """Convert a server's answer to an AIMessage.

    Raises:
        ServerError: The answer has no message or an unexpected format.
    """
    with understood(request.model_uid, request.request_id):
        return _message(data, request)


def _message(data: Mapping[str, Any], request: ChatRequest) -> AIMessage:
    choices = objects_in(data, "choices")
    if not choices or says_nothing(choices[0]):
        raise ServerError(f"{request.model_uid} sent an answer without a message.")
    choice = choices[0]
    said = message_in(choice)
    thought, text = _parts(said, request)
    finish = finish_in(choice) or None
    cut = finish in CUT_OFF
    text, pieces = whole_calls(text, request.tools, cut=cut) if request.forced else (text, [])
    text, in_text = _without_calls(text, request, cut=cut)
    native, needy = [*calls_in(said), *pieces], demanding(request.tools)
    calls = _native_calls(native, needy, cut=finish == "length") + in_text
    if (pieces or in_text) and finish == "stop":
        finish = "tool_calls"
    if not text and not calls and finish == "stop":
        # With its reasoning parser on, llama.cpp drops the reasoning and labels the answer as
        # reasoning.
        thought, text = "", thought
    metadata = response_metadata(request, finish, data)
    if logprobs := logprobs_in(choice):
        metadata["logprobs"] = logprobs
    if refusal := whole_characters(refusal_in(said)):
        metadata[REFUSAL] = refusal
    return AIMessage(
        content=text,
        additional_kwargs={"reasoning_content": thought} if thought else {},
        response_metadata=metadata,
        usage_metadata=usage_in(data),
        tool_calls=[_valid(call) for call in calls if call.complete],
        invalid_tool_calls=[_invalid(call) for call in calls if not call.complete],
    )


def _valid(call: TextCall) -> ToolCall:
    arguments = json.loads(whole_escapes(call.arguments) or "{}", strict=False)
    return tool_call(name=call.name or "", args=arguments, id=call.id)


def _invalid(call: TextCall) -> InvalidToolCall:
    return invalid_tool_call(
        name=call.name, args=call.arguments, id=call.id, error="Arguments are not a JSON object."
    )


def _parts(said: Mapping[str, Any], request: ChatRequest) -> tuple[str, str]:
    """Return the reasoning and the answer."""
    in_blocks, text = map(whole_characters, content_in(said))
    thought = text_in(said, "reasoning_content") or text_in(said, "reasoning") or in_blocks
    if request.without_thinking and thought:
        return "", thought + text
    prefilled = not thought and (request.think_prefilled or only_closes(text))
    splitter = ReasoningSplitter(prefilled=prefilled, forced=request.forced is not None)
    start = splitter.thought(thought)[0] if thought else ""
    more, answer = splitter.text(text)
    last, rest = splitter.end()
    return start + more + last, answer + rest


def _without_calls(text: str, request: ChatRequest, *, cut: bool) -> tuple[str, list[TextCall]]:
    if not request.tools or not text:
        return text, []
    splitter = ToolCallSplitter(request.tools)
    before, calls = splitter.feed(text)
    after, torn = splitter.end(cut=cut)
    return before + after, calls + torn


def _native_calls(
    raws: Iterable[Mapping[str, Any]], needy: Collection[str], *, cut: bool
) -> list[TextCall]:
    """Return the calls sent outside the text, each with a unique id."""
    calls: dict[str, TextCall] = {}
    for raw in raws:
        given = id_in(raw)
        call_id = given if given and given not in calls else new_id()
        call = _native(raw, call_id)
        empty = not call.arguments and (cut or call.name in needy)
        calls[call_id] = replace(call, complete=call.complete and not empty)
    return list(calls.values())


def _native(raw: Mapping[str, Any], call_id: str) -> TextCall:
    function = function_in(raw)
    arguments = whole_characters(unwrapped(arguments_in(function)))
    return TextCall(name_in(function) or None, arguments, is_object(arguments), call_id)
