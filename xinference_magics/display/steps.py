"""The steps of a turn with tools, in one line each: what was called, how long it took."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.plain import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from langchain_core.messages import BaseMessage

_LONGEST = 120
"""Characters of a call's arguments that its line shows."""


@dataclass(frozen=True)
class Step:
    """A call of a tool and what came of it.

    Attributes:
        call: The call as code.
        result: What the model was told; None while it runs.
        seconds: How long it took; None where that is not known.
        failed: Whether it was an error.
        blocks: The result as content blocks, where it is more than text.
        said: What the model said before it called, as Markdown.
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
    """Write a call as code, shortened."""
    given = ", ".join(f"{key}={_value(value)}" for key, value in args.items())
    short = given if len(given) <= _LONGEST else f"{given[: _LONGEST - 1]}…"
    return printable(f"{name}({short})")


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def steps_of(messages: Iterable[BaseMessage]) -> list[Step]:
    """Pair the calls among a turn's messages with their results."""
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
    """Go through the calls of a message, each with whether it is the first."""
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
