"""A turn while it runs: written by the streaming thread, read by a view."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer, in the order of its arrival."""

    kind: Literal["text", "reasoning"]
    text: str


class LiveTurn:
    """What has arrived of an answer so far.

    One thread appends; any other may read at any time, remembering how many `deltas` it has seen.

    Attributes:
        title: The model's UID, for the view's header.
        started: Seconds of `time.monotonic` at which the request was sent.
        first_token_seconds: Seconds until the first text or reasoning; None until then.
        tokens: Chunks with text so far. llama.cpp sends a token a chunk, transformers about two,
            so this is a lower bound until the server's own count arrives.
        deltas: The pieces so far; append only.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.started = time.monotonic()
        self.first_token_seconds: float | None = None
        self.tokens = 0
        self.deltas: list[Delta] = []
        self._chunks: list[AIMessageChunk] = []

    @property
    def seconds(self) -> float:
        """Seconds since the request was sent."""
        return time.monotonic() - self.started

    def add(self, chunk: AIMessageChunk) -> None:
        """Take in one chunk of the model's stream."""
        self._chunks.append(chunk)
        reasoning = chunk.additional_kwargs.get("reasoning_content") or ""
        text = chunk.content if isinstance(chunk.content, str) else str(chunk.text)
        if not (reasoning or text):
            return
        if self.first_token_seconds is None:
            self.first_token_seconds = self.seconds
        self.tokens += 1
        if reasoning:
            self.deltas.append(Delta("reasoning", reasoning))
        if text:
            self.deltas.append(Delta("text", text))

    def message(self) -> AIMessage:
        """Merge what has arrived into one message; empty when nothing has."""
        from langchain_core.messages import AIMessage, message_chunk_to_message

        if not self._chunks:
            return AIMessage("")
        first, *rest = self._chunks
        message = message_chunk_to_message(first + rest if rest else first)
        if not isinstance(message, AIMessage):
            raise TypeError(f"a chat model streamed {type(first).__name__}")
        return message
