"""The parts of a turn in the order in which they came: thoughts, texts, tool calls, the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from xinference_magics.chat.figures import Streamed
from xinference_magics.chat.turn import is_result, status_of
from xinference_magics.plain import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import BaseMessage, ToolMessage

    from xinference_magics.chat.turn import Turn

_MAX_ARGUMENT_CHARS = 120
"""The most characters of a call's arguments to show in its line."""
_MAX_RESULT_CHARS = 80
"""The most characters of a call's result to show in its line."""

MARKS = {"done": "✓", "failed": "✗", "declined": "⊘", "": "–"}
"""What is shown before a call, by its status."""


@dataclass(frozen=True)
class Thought:
    """What the model thought.

    Attributes:
        text: The reasoning, as Markdown.
        seconds: How long it took; None if unknown.
    """

    text: str
    seconds: float | None = None

    @property
    def title(self) -> str:
        """The line above it."""
        return "Thinking" if self.seconds is None else f"Thought for {self.seconds:.1f} s"


@dataclass(frozen=True)
class Said:
    """What the model said before it called tools, as Markdown."""

    text: str


@dataclass(frozen=True)
class Step:
    """A tool call and its result.

    Attributes:
        call: The call as code, with its arguments shortened.
        result: The text returned to the model; empty if there was no result.
        seconds: How long it took; None if unknown.
        status: How it ended; empty if it did not.
        blocks: The result as content blocks, if it is more than text.
    """

    call: str
    result: str = ""
    seconds: float | None = None
    status: Literal["done", "failed", "declined", ""] = ""
    blocks: tuple[dict[str, Any], ...] = ()

    @property
    def mark(self) -> str:
        """How it ended, as a character."""
        return MARKS[self.status]

    @property
    def outcome(self) -> str:
        """A short result, how it ended if not well, and how long it took."""
        return outcome(self.status, self.result, self.seconds)

    @property
    def line(self) -> str:
        """The call and its outcome."""
        return f"{self.call}{self.outcome}"


@dataclass(frozen=True)
class TheAnswer:
    """The place of the answer: after all that led to it."""


Part: TypeAlias = Thought | Said | Step | TheAnswer


def outcome(status: str, result: str, seconds: float | None) -> str:
    """Describe how a call ended, to be appended to it.

    Args:
        status: `done`, `failed` or `declined`; empty if the call did not end.
        result: The text returned to the model.
        seconds: How long it took; None if unknown.
    """
    if not status:
        return " · no result"
    short = shortened(" ".join(printable(result).split()), _MAX_RESULT_CHARS)
    words = ["" if status == "done" else status, "" if seconds is None else f"{seconds:.1f} s"]
    said = f" → {short}" if short and status != "declined" else ""
    return " · ".join([said, *filter(None, words)])


def call_line(name: str, args: Mapping[str, Any]) -> str:
    """Format a call as code, with its arguments shortened."""
    given = ", ".join(f"{key}={_value(value)}" for key, value in args.items())
    return printable(f"{name}({shortened(given, _MAX_ARGUMENT_CHARS)})")


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def parts_of(turn: Turn) -> list[Part]:
    """Return what a turn consists of, in the order in which it came."""
    results = {each.tool_call_id: each for each in turn.steps if is_result(each)}
    said: list[tuple[BaseMessage, Part]] = [
        (each, Said(str(each.text).strip())) for each in turn.steps if each.type == "ai"
    ]
    parts: list[Part] = []
    for message, text in (*said, (turn.message, TheAnswer())):
        thought = str(message.additional_kwargs.get("reasoning_content") or "")
        if thought.strip():
            parts.append(Thought(thought, _thinking_seconds(turn, message)))
        if text != Said(""):
            parts.append(text)
        parts += [_step(call, results.get(call["id"])) for call in _calls(message)]
    return parts


def _thinking_seconds(turn: Turn, message: BaseMessage) -> float | None:
    streamed = Streamed.of(message.response_metadata)
    if streamed is not None:
        return streamed.reasoning_seconds
    return None if turn.steps else turn.reasoning_seconds


def _calls(message: BaseMessage) -> list[Mapping[str, Any]]:
    """Return the calls of a message, those with invalid arguments included."""
    broken = getattr(message, "invalid_tool_calls", ())
    return [
        *getattr(message, "tool_calls", ()),
        *({"name": each["name"] or "", "args": {}, "id": each["id"]} for each in broken),
    ]


def _step(call: Mapping[str, Any], result: ToolMessage | None) -> Step:
    line = call_line(call["name"], call["args"])
    if result is None:
        return Step(line)
    seconds = result.response_metadata.get("seconds")
    return Step(
        line,
        str(result.text),
        seconds if isinstance(seconds, int | float) else None,
        status_of(result),
        tuple(block for block in result.content if isinstance(block, dict)),
    )
