"""A complete answer as a stream's only chunk, for servers that cannot stream the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.wire.native_calls import id_in
from xinference_magics.wire.shapes import calls_in, object_in, objects_in, understood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.wire.request import ChatRequest


def as_chunk(answer: Mapping[str, Any], request: ChatRequest) -> dict[str, Any]:
    """Convert the non-streamed answer to `request` to a stream's only chunk.

    A non-streamed answer is complete, whether or not it has a finish reason.

    Raises:
        ServerError: The answer has an unexpected format.
    """
    with understood(request.model_uid, request.request_id):
        return _as_chunk(answer)


def _as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    choices = [
        {
            **each,
            "delta": _numbered(object_in(each, "message")),
            "finish_reason": each.get("finish_reason") or "stop",
        }
        for each in objects_in(answer, "choices")
    ]
    return {**answer, "choices": choices}


_WORDS = ("content", "reasoning_content", "reasoning", "tool_calls")


def has_words(chunk: Mapping[str, Any]) -> bool:
    """Return whether a stream's chunk contains any output, which begins the answer."""
    match chunk:
        case {"choices": [{"delta": dict(delta)}, *_]}:
            return any(delta.get(name) for name in _WORDS)
    return False


def _numbered(message: Mapping[str, Any]) -> dict[str, Any]:
    """Number complete calls and drop repeated ids, because streams distinguish calls by these."""
    ids: set[str | None] = set()
    calls = []
    for number, call in enumerate(calls_in(message)):
        given = id_in(call)
        calls.append({**call, "index": number, "id": None if given in ids else given})
        ids.add(given)
    return {**message, "tool_calls": calls}
