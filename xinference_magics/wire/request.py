"""One request body, out of the model's fields, the call's arguments and the messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xinference_magics.wire.messages import to_wire
from xinference_magics.wire.parameters import CALL_NAMES, NAMES, checked, refuse_unknown
from xinference_magics.wire.tools import tool_dicts, wire_choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage

_BODY = (*NAMES, "model", "parallel_tool_calls", "response_format")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is sent, and what of it the reading of the answer depends on."""

    body: dict[str, Any]
    engine: str | None = None
    think_prefilled: bool = False

    @property
    def model_uid(self) -> str:
        """The UID of the model that is asked."""
        return str(self.body["model"])

    @property
    def request_id(self) -> str:
        """The id by which this request can be aborted."""
        return str(self.body["request_id"])

    @property
    def has_tools(self) -> bool:
        """Whether the answer may contain tool calls."""
        return bool(self.body.get("tools"))

    @property
    def without_thinking(self) -> bool:
        """Whether thinking was switched off, so that all the model says is its answer."""
        return self.body.get("enable_thinking") is False


def call_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's keyword arguments, checked, with `generate_config` unfolded into them.

    Raises:
        BadRequestError: A name is unknown or a value is not valid; nothing was sent.
    """
    folded = given.get("generate_config") or {}
    refuse_unknown(folded, CALL_NAMES)
    refuse_unknown(given, CALL_NAMES)
    call = {**folded, **{name: value for name, value in given.items() if value is not None}}
    call.pop("generate_config", None)
    return {**call, **checked({name: call[name] for name in NAMES if name in call})}


def chat_request(  # noqa: PLR0913  # the parts of a body
    messages: Sequence[BaseMessage],
    *,
    model_uid: str,
    fields: Mapping[str, Any],
    call: Mapping[str, Any],
    extra_body: Mapping[str, Any] | None = None,
    engine: str | None = None,
    think_prefilled: bool = False,
    stream: bool = False,
    stream_usage: bool = True,
) -> ChatRequest:
    """Build a request; a call's arguments win over fields, each `extra_body` over its own kind.

    Args:
        messages: The conversation, in the order that is sent.
        model_uid: The model to ask, unless `call` names another.
        fields: The model object's own generation parameters.
        call: The call's keyword arguments, as they were given.
        extra_body: What the model object adds to each body.
        engine: The model's engine, which decides how media are spelled.
        think_prefilled: Whether the model's prompt ends in ``<think>``.
        stream: Whether to ask for a stream.
        stream_usage: Whether the stream shall report its token usage.

    Raises:
        BadRequestError: The request cannot be built; nothing was sent.
    """
    arguments = call_arguments(call)
    if arguments.get("model", model_uid) != model_uid:
        engine = None  # another model may run on another one
    engine = engine.casefold() if engine else None
    body = {
        "model": model_uid,
        "messages": to_wire(messages, engine=engine),
        "request_id": uuid4().hex,
        **{name: value for name, value in fields.items() if value is not None},
        **(extra_body or {}),
        **{name: value for name, value in arguments.items() if name in _BODY},
        **_tools(arguments),
        **({"stream_options": {"include_usage": True}} if stream and stream_usage else {}),
        **(arguments.get("extra_body") or {}),
        "stream": stream,
    }
    for name in ("stop", "stream"):
        if not body.get(name):
            body.pop(name, None)
    return ChatRequest(body, engine, think_prefilled)


def _tools(arguments: Mapping[str, Any]) -> dict[str, Any]:
    if not arguments.get("tools"):
        return {}
    tools = tool_dicts(arguments["tools"])
    choice = wire_choice(arguments.get("tool_choice"), tools)
    return {"tools": tools} if choice is None else {"tools": tools, "tool_choice": choice}
