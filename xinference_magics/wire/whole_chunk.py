"""A whole answer as a stream's only chunk, for servers that cannot stream what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.wire.native_calls import id_in
from xinference_magics.wire.shapes import calls_in, object_in, objects_in

if TYPE_CHECKING:
    from collections.abc import Mapping


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Give a whole answer the form of a stream's only chunk, for servers that stream no tools."""
    choices = [
        {**each, "delta": _numbered(object_in(each, "message"))}
        for each in objects_in(answer, "choices")
    ]
    return {**answer, "choices": choices}


def has_words(chunk: Mapping[str, Any]) -> bool:
    """Tell whether a stream's chunk says anything, so that the answer has begun."""
    choices = chunk.get("choices") or [{}]
    delta = choices[0].get("delta") or {}
    return any(delta.get(name) for name in ("content", "reasoning_content", "tool_calls"))


def _numbered(message: Mapping[str, Any]) -> dict[str, Any]:
    """Tell whole calls apart, which a stream does by their numbers and ids."""
    ids: set[str | None] = set()
    calls = []
    for number, call in enumerate(calls_in(message)):
        given = id_in(call)
        calls.append({**call, "index": number, "id": None if given in ids else given})
        ids.add(given)
    return {**message, "tool_calls": calls}
