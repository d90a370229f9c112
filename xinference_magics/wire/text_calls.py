"""Tool calls from the engines: sent as such, or found in the text (see `calls`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


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
