"""A running turn: written by the streaming thread, read by a view."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessageChunk, ToolMessage

from xinference_magics.chat.events import Parsed, ToolStart, merged
from xinference_magics.chat.figures import Figures, Streamed
from xinference_magics.chat.turn import status_of

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

    from xinference_magics.chat.events import Event


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer, in order of arrival.

    Attributes:
        kind: What it is; `call` and `result` are tool steps.
        text: The text. For a tool step, a JSON object: `id`, `name`, `args` and `asks` (whether
            the user is asked first) of a call; `id`, `status` (`done`, `failed` or `declined`),
            `text` and `seconds` of a result.
    """

    kind: Literal["text", "reasoning", "call", "result"]
    text: str


class LiveTurn:
    """The part of an answer that has arrived so far.

    One thread appends; any other may read at any time, remembering how many `deltas` it has seen.

    Attributes:
        title: The model's UID, for the view's header.
        is_markdown: Whether the answer is Markdown, so that it can be shown formatted.
        started: When the request was sent, in seconds of `time.monotonic`.
        started_at: The same time, ISO 8601 in UTC.
        first_token_seconds: Seconds until the first text, reasoning or call; None until then.
        reasoning_seconds: Seconds spent reasoning, each time up to the text or tool call that
            follows; None until then.
        deltas: The pieces so far; append-only.
        steps: The messages before the last one: tool calls and their results.
        parsed: The answer as an object, if one was requested.
        error: The error it failed with, once it has ended.
    """

    def __init__(self, title: str, *, is_markdown: bool = True) -> None:
        self.title = title
        self.is_markdown = is_markdown
        self.started = time.monotonic()
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.first_token_seconds: float | None = None
        self.reasoning_seconds: float | None = None
        self.deltas: list[Delta] = []
        self.steps: list[BaseMessage] = []
        self.parsed: Any = None
        self.error: Exception | None = None
        self._ended_seconds: float | None = None
        self._chunks: list[AIMessageChunk] = []
        self._streamed = Streamed()  # of the open message
        self._before: list[Streamed] = []  # of those before it
        self._reasoning_since: float | None = None
        self._calls: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Seconds since the request was sent, up to the end once the turn has ended."""
        ended = self._ended_seconds
        return time.monotonic() - self.started if ended is None else ended

    @property
    def tokens(self) -> int:
        """Tokens so far, by the pieces in which they arrived.

        llama.cpp sends one token in each, transformers about two.
        """
        return sum(each.tokens for each in (*self._before, self._streamed))

    @property
    def figures(self) -> Figures:
        """The figures so far."""
        messages = [(None, each) for each in (*self._before, self._streamed)]
        return Figures.of(messages, self.first_token_seconds, self.seconds, is_running=True)

    @property
    def ended(self) -> bool:
        """Whether the turn has ended."""
        return self._ended_seconds is not None

    def end(self, error: Exception | None = None) -> None:
        """Mark the turn as ended, with the error if it failed."""
        self.error = error
        self._ended_seconds = self.seconds

    def add(self, event: Event) -> None:
        """Process an event from the turn's source."""
        if isinstance(event, AIMessageChunk):
            self._take_chunk(event)
        elif isinstance(event, ToolMessage):
            self._take_result(event)
        elif isinstance(event, ToolStart):
            self._take_call(event)
        elif isinstance(event, Parsed):
            self.parsed = event.value
        else:
            self._end_message(event)

    def _take_chunk(self, chunk: AIMessageChunk) -> None:
        self._chunks.append(chunk)
        reasoning = chunk.additional_kwargs.get("reasoning_content") or ""
        text = chunk.content if isinstance(chunk.content, str) else str(chunk.text)
        calls = chunk.tool_call_chunks
        if not (reasoning or text or calls):
            return
        if self.first_token_seconds is None:
            self.first_token_seconds = self.seconds
        called = "".join(each["args"] or "" for each in calls) if calls else ""
        self._streamed.add(time.monotonic(), reasoning + text + called)
        if reasoning:
            self._reasoning_since = self._reasoning_since or time.monotonic()
            self.deltas.append(Delta("reasoning", reasoning))
        if text:
            self._end_reasoning()
            self.deltas.append(Delta("text", text))

    def _end_reasoning(self) -> None:
        if self._reasoning_since is not None:
            thought = time.monotonic() - self._reasoning_since
            self.reasoning_seconds = (self.reasoning_seconds or 0) + thought
            self._streamed.reasoning_seconds = (self._streamed.reasoning_seconds or 0) + thought
            self._reasoning_since = None

    def _take_call(self, call: ToolStart) -> None:
        self._end_reasoning()
        self._calls[call.id] = time.monotonic()
        given = {"id": call.id, "name": call.name, "args": call.args}
        self._add_step("call", {**given, "asks": call.asks})

    def _take_result(self, result: ToolMessage) -> None:
        self._end_message(result)
        status = status_of(result)
        seconds = time.monotonic() - self._calls.get(result.tool_call_id, time.monotonic())
        if status != "declined":  # that time was the user's
            result.response_metadata["seconds"] = round(seconds, 3)
        shown = {"id": result.tool_call_id, "status": status, "text": str(result.text)}
        self._add_step("result", {**shown, "seconds": result.response_metadata.get("seconds")})

    def _add_step(self, kind: Literal["call", "result"], step: dict[str, Any]) -> None:
        self.deltas.append(Delta(kind, json.dumps(step, ensure_ascii=False, default=str)))

    def _end_message(self, following: BaseMessage) -> None:
        """Close the model's open message, if any, and append the one that follows it."""
        if self._chunks:
            self.steps.append(self.message())
            self._before.append(self._streamed)
            self._chunks, self._streamed = [], Streamed()
        self.steps.append(following)

    def message(self) -> AIMessage:
        """Merge what has arrived of the last message; empty if nothing has."""
        self._end_reasoning()
        message = merged(self._chunks)
        if self._streamed.pieces > 1 or not message.usage_metadata:  # more than the message says
            arrived = self._streamed.to_metadata()
            message.response_metadata = {**message.response_metadata, **arrived}
        return message
