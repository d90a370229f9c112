"""Tool calls as many servers send them, outside the text, and what was read of a call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xinference_magics.wire.shapes import (
    MalformedError,
    object_in,
    raw_text_in,
    text_in,
    whole_characters,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def function_in(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object with name and arguments; some servers put both into the call itself."""
    return object_in(call, "function") or call


def id_in(call: Mapping[str, Any]) -> str | None:
    """Return a call's id, or None if it is missing, empty, or a number (which is a position)."""
    value = call.get("id")
    return value if isinstance(value, str) and value else None


def new_id() -> str:
    """Return an id for a call that has none, so that a result can refer to it."""
    return f"call_{uuid4()}"


def name_in(function: Mapping[str, Any]) -> str:
    """Return the name of the tool, or an empty string if this piece does not contain it.

    Raises:
        MalformedError: It isn't a string.
    """
    return text_in(function, "name")


def arguments_in(function: Mapping[str, Any]) -> str:
    """Return a call's arguments, or a piece of them, as JSON; some servers send an object.

    Raises:
        MalformedError: They are neither a string nor an object, or are nested too deeply.
    """
    value = function.get("arguments")
    if isinstance(value, dict):
        return whole_characters(_written(value))
    return raw_text_in(function, "arguments")


def _written(value: Any) -> str:
    try:
        return as_json(value)
    except RecursionError as error:
        raise MalformedError("the arguments are nested too deeply") from error


def unwrapped(arguments: str) -> str:
    """Decode arguments that were encoded as JSON twice; return others unchanged.

    The templates of 15 families render earlier calls this way, and the models copy it.
    """
    if not may_be_wrapped(arguments):
        return arguments
    try:
        inner = json.loads(arguments, strict=False)
    except ValueError:
        return arguments
    return inner if inner and is_object(inner) else arguments


def may_be_wrapped(arguments: str) -> bool:
    """Return whether `arguments` begin like ones that were encoded twice."""
    return arguments.lstrip()[:1] == '"'


@dataclass(frozen=True)
class TextCall:
    """A tool call, `complete` unless it was cut off or is malformed."""

    name: str | None
    arguments: str
    complete: bool
    id: str | None


def as_json(arguments: Any) -> str:
    """Return a call's arguments as JSON; some models and engines send an object."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def is_object(arguments: str) -> bool:
    """Return whether `arguments` are a JSON object; an empty string means no arguments."""
    try:
        return isinstance(json.loads(arguments or "{}", strict=False), dict)
    except (ValueError, RecursionError):
        return False


def beyond_repair(arguments: str) -> str:
    """Return a suffix for incomplete `arguments` that stops langchain-core from repairing them.

    langchain-core completes truncated JSON when it merges a stream's chunks, which turns an
    incomplete call into a valid one with wrong arguments. Only a bracket that closes nothing
    makes it give up and report an invalid tool call instead.
    """
    quoted, escaped, brackets = False, False, []
    for each in arguments:
        if quoted:
            quoted = escaped or each != '"'
            escaped = each == "\\" and not escaped
        elif each == '"':
            quoted = True
        elif each in "{[":
            brackets.append(each)
        elif each in "}]" and brackets:
            brackets.pop()
    quote = ('"' if not escaped else '\\"') if quoted else ""
    return quote + ("}" if brackets and brackets[-1] == "[" else "]")
