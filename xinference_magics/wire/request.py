"""Build a request body from the model's fields, the call's arguments and the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xinference_magics.errors import BadRequestError, StreamError
from xinference_magics.remedies import Remedy
from xinference_magics.wire.engines import LLAMA_CPP, named, response_form
from xinference_magics.wire.forced_choice import Forced, forced, told
from xinference_magics.wire.grammar import followable, unfollowed
from xinference_magics.wire.media import Reader
from xinference_magics.wire.messages import to_wire, with_readable_calls
from xinference_magics.wire.parameters import (
    CALL_NAMES,
    NAMES,
    TEXT_CALL_NAMES,
    checked,
    reject_unknown,
)
from xinference_magics.wire.reasoning import is_prefilled
from xinference_magics.wire.tools import tool_dicts, wire_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_core.messages import BaseMessage

_MAX_UNENFORCED_TOKENS = 2048
"""The token limit for an answer that may not end without a call, although nothing forces one."""

_ANY_OBJECT = {
    "type": "json_schema",
    "json_schema": {"name": "object", "schema": {"type": "object"}},
}
"""Has the effect of ``json_object``, which llama.cpp ignores although it enforces schemas."""

_BODY = (*NAMES, "model", "parallel_tool_calls", "response_format")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and what is needed to read the answer."""

    body: dict[str, Any]
    engine: str | None = None

    @property
    def model_uid(self) -> str:
        """The UID of the requested model."""
        return str(self.body["model"])

    @property
    def request_id(self) -> str:
        """The id by which this request can be aborted."""
        return str(self.body["request_id"])

    def broken_off(self) -> StreamError:
        """Return the error for an answer that never reached its end."""
        error = StreamError(
            f"The answer of {self.model_uid} was cut off before its end.",
            hint=Remedy.ASK_AGAIN(),
        )
        error.request_id = self.request_id
        return error


@dataclass(frozen=True, slots=True)
class ChatRequest(Request):
    """A request for the next message of a chat."""

    think_prefilled: bool = False
    thinks: bool | None = None
    forced: Forced | None = None
    said: tuple[str, ...] = ()

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools that the model may call, as OpenAI dicts."""
        return self.forced.tools if self.forced else self.body.get("tools") or []

    @property
    def choice(self) -> Any:
        """The tool choice, in the server's format."""
        return self.forced.choice if self.forced else self.body.get("tool_choice")

    @property
    def whole(self) -> dict[str, Any]:
        """The request body for a non-streamed answer."""
        left_out = ("stream", "stream_options")
        return {name: value for name, value in self.body.items() if name not in left_out}

    @property
    def streamed(self) -> ChatRequest:
        """The same request for a stream that reports its usage."""
        beside = {"stream": True, "stream_options": {"include_usage": True}}
        return replace(self, body={**self.body, **beside})

    @property
    def without_thinking(self) -> bool:
        """Whether reasoning was turned off, so that everything the model writes is its answer."""
        return self.forced is not None or self.body.get("enable_thinking") is False


@dataclass(frozen=True, kw_only=True)
class ModelDefaults:
    """What a model object contributes to each of its requests.

    Args:
        model_uid: The model to call, unless a call names another.
        fields: The object's own generation parameters.
        extra_body: Added to each request body.
        engine: The model's engine, which determines the format of media.
        think_prefilled: Whether the model's prompt ends in ``<think>``; None if its family
            decides.
        stream_usage: Whether a stream should report its token usage.
        unreadable: The kinds of media that the model does not accept; None if unknown.
        family: The model's family, whose chat template has its own wording for tools.
        thinks: Whether the model can reason; None if unknown.
    """

    model_uid: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    engine: str | None = None
    think_prefilled: bool | None = None
    stream_usage: bool = True
    unreadable: frozenset[str] | None = None
    family: str | None = None
    thinks: bool | None = None

    def for_call(self, arguments: Mapping[str, Any]) -> ModelDefaults:
        """Return the defaults for a call; for another model, engine and prompt are unknown."""
        if arguments.get("model", self.model_uid) != self.model_uid:
            return ModelDefaults(
                model_uid=self.model_uid,
                fields=self.fields,
                extra_body=self.extra_body,
                stream_usage=self.stream_usage,
            )
        return replace(self, engine=self.engine.casefold() if self.engine else None)


def call_arguments(given: Mapping[str, Any], known: Iterable[str] = CALL_NAMES) -> dict[str, Any]:
    """Return a call's validated keyword arguments, with `generate_config` merged into them.

    Raises:
        BadRequestError: A name is not in `known` or a value is invalid; nothing was sent.
    """
    for name in ("generate_config", "extra_body"):
        if not isinstance(given.get(name) or {}, Mapping):
            raise BadRequestError(f"{name} must be a dict, not {given[name]!r:.50}.")
    folded = given.get("generate_config") or {}
    reject_unknown(folded, known)
    reject_unknown(given, known)
    call = {**folded, **{name: value for name, value in given.items() if value is not None}}
    call.pop("generate_config", None)
    return {**call, **checked({name: call[name] for name in NAMES if name in call})}


def chat_request(
    messages: Sequence[BaseMessage],
    model: ModelDefaults,
    call: Mapping[str, Any],
    *,
    stream: bool = False,
) -> ChatRequest:
    """Build a chat request from a model's defaults and a call's arguments.

    Arguments override fields, and each `extra_body` overrides the values that it comes with.

    Args:
        messages: The conversation, in the order in which it is sent.
        model: What the model object contributes.
        call: The call's keyword arguments, as given.
        stream: Whether to ask for a stream.

    Raises:
        BadRequestError: The request cannot be built; nothing was sent.
    """
    arguments = call_arguments(call)
    if not isinstance(arguments.get("response_format", {}), dict):
        raise BadRequestError(
            "response_format must be a dict.", hint="with_structured_output accepts classes."
        )
    model = model.for_call(arguments)
    sent = to_wire(messages, Reader(model.model_uid, model.engine, model.unreadable or ()))
    sent = with_readable_calls(sent, model.engine, model.family)
    body = _body({"messages": sent, **_tools(arguments)}, model, arguments, stream)
    if body.get("tool_choice") == "none":  # llama.cpp and transformers would still show the tools
        body = {name: value for name, value in body.items() if name not in ("tools", "tool_choice")}
    prefilled = model.think_prefilled
    if prefilled is None:
        asked = bool(body.get("enable_thinking"))
        prefilled = is_prefilled(model.family, model.engine, thinking=asked)
    return _enforced(ChatRequest(body, model.engine, prefilled, model.thinks), model)


def must_call(call: Mapping[str, Any]) -> bool:
    """Return whether a call's keyword arguments require a tool call."""
    choice = call.get("tool_choice")
    return bool(call.get("tools") and choice and choice not in ("auto", "none"))


def _enforced(request: ChatRequest, model: ModelDefaults) -> ChatRequest:
    """Make the engine enforce what it can, in a form that it supports."""
    body = request.body
    if made := forced(body, request.engine, model.family, thinks=request.thinks):
        return replace(request, body=made[0], forced=made[1], think_prefilled=False)
    if request.engine not in (LLAMA_CPP, None):
        return replace(request, body=told(body, request.engine, model.family))
    form = response_form(body)
    if request.engine and form.get("type") == "json_schema":
        return _followable(request, form)
    if request.engine and form.get("type") == "json_object" and not body.get("tools"):
        return replace(request, body={**body, "response_format": _ANY_OBJECT})
    if (body.get("tool_choice") == "required" or named(body.get("tool_choice"))) and (
        body.get("max_tokens") is None
    ):
        return _limited(request)
    return request


def _followable(request: ChatRequest, form: Mapping[str, Any]) -> ChatRequest:
    """Leave out of a schema what would make llama.cpp drop it entirely."""
    inner = form.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    left_out = list(dict.fromkeys(unfollowed(schema)))
    if not left_out or not isinstance(inner, dict):
        return request
    sent = {**form, "json_schema": {**inner, "schema": followable(schema)}}
    said = f"The llama.cpp engine cannot follow {', '.join(left_out)} of the schema."
    return replace(request, body={**request.body, "response_format": sent}, said=(said,))


def _limited(request: ChatRequest) -> ChatRequest:
    """Limit an answer that llama.cpp would not let end without a call.

    An unknown engine may be one that does make the call, so there is no warning for it.
    """
    said = (
        f"max_tokens is {_MAX_UNENFORCED_TOKENS} for this answer: the llama.cpp engine does not "
        "enforce tool_choice here, and might write until the context is full."
    )
    body = {**request.body, "max_tokens": _MAX_UNENFORCED_TOKENS}
    return replace(request, body=body, said=(said,) if request.engine else ())


def text_request(
    prompt: str, model: ModelDefaults, call: Mapping[str, Any], *, stream: bool = False
) -> Request:
    """Build a request for the continuation of `prompt`, in the same way as `chat_request`.

    In ``/v1/completions``, `logprobs` is a number; only chats have a separate `top_logprobs`.

    Raises:
        BadRequestError: The request cannot be built; nothing was sent.
    """
    arguments = call_arguments(call, TEXT_CALL_NAMES)
    body = _body({"prompt": prompt}, model, arguments, stream)
    alternatives = body.pop("top_logprobs", 1)
    if body.get("logprobs") is True:
        body["logprobs"] = max(alternatives, 1)
    elif body.get("logprobs") is False:
        del body["logprobs"]
    return Request(body, model.for_call(arguments).engine)


def _body(
    asked: Mapping[str, Any], model: ModelDefaults, arguments: Mapping[str, Any], stream: bool
) -> dict[str, Any]:
    body = {
        "model": model.model_uid,
        "request_id": uuid4().hex,
        **{name: value for name, value in model.fields.items() if value is not None},
        **model.extra_body,
        **{name: value for name, value in arguments.items() if name in _BODY},
        **asked,
        **({"stream_options": {"include_usage": True}} if stream and model.stream_usage else {}),
        **(arguments.get("extra_body") or {}),
        "stream": stream,
    }
    for name in ("stop", "stream"):
        if not body.get(name):
            body.pop(name, None)
    return body


def _tools(arguments: Mapping[str, Any]) -> dict[str, Any]:
    if not arguments.get("tools"):
        return {}
    tools = tool_dicts(arguments["tools"])
    choice = wire_choice(arguments.get("tool_choice"), tools)
    return {"tools": tools} if choice is None else {"tools": tools, "tool_choice": choice}
