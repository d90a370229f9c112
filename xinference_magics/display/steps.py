"""The steps of a turn with tools, one line each: what was called and how long it took."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.plain import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from langchain_core.messages import BaseMessage

_MAX_ARGUMENT_CHARS = 120
"""The most characters of a call's arguments to show in its line."""


@dataclass(frozen=True)
class Step:
    """A tool call and its result.

    Attributes:
        call: The call as code.
        result: The text returned to the model; None while the tool is running.
        seconds: How long it took; None if unknown.
        failed: Whether it was an error.
        blocks: The result as content blocks, if it is more than text.
        said: The model's text before the call, as Markdown.
    """

    call: str
    result: str | None = None
    seconds: float | None = None
    failed: bool = False
    blocks: tuple[dict[str, Any], ...] = ()
    said: str = ""

    @property
    def line(self) -> str:
        """The call, how long it took, and whether it failed."""
        took = "" if self.seconds is None else f" · {self.seconds:.1f} s"
        return f"{self.call}{took}{' · failed' if self.failed else ''}"


def call_line(name: str, args: Mapping[str, Any]) -> str:
    """Format a call as code, with its arguments shortened."""
    given = ", ".join(f"{key}={_value(value)}" for key, value in args.items())
    return printable(f"{name}({shortened(given, _MAX_ARGUMENT_CHARS)})")


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def steps_of(messages: Iterable[BaseMessage]) -> list[Step]:
    """Pair the tool calls in a turn's messages with their results."""
    messages = list(messages)
    results = {
        getattr(each, "tool_call_id", None): each for each in messages if each.type == "tool"
    }
    return [
        _step(call, results.get(call["id"]), str(each.text).strip() if first else "")
        for each in messages
        for first, call in _calls(each)
    ]


def _calls(message: BaseMessage) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """Iterate over the calls of a message, each with whether it is the first."""
    calls = [*getattr(message, "tool_calls", ()), *_broken(message)]
    return ((not place, call) for place, call in enumerate(calls))


def _broken(message: BaseMessage) -> list[dict[str, Any]]:
    calls = getattr(message, "invalid_tool_calls", ())
    return [{"name": each["name"] or "", "args": {}, "id": each["id"]} for each in calls]


def _step(call: Mapping[str, Any], result: BaseMessage | None, said: str) -> Step:
    line = call_line(call["name"], call["args"])
    if result is None:
        return Step(line, said=said)
    seconds = result.response_metadata.get("seconds")
    return Step(
        line,
        str(result.text),
        seconds if isinstance(seconds, int | float) else None,
        failed=getattr(result, "status", "") == "error",
        blocks=tuple(block for block in result.content if isinstance(block, dict)),
        said=said,
    )
