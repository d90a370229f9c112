"""How far a run has come: written on its loop, read by views on other threads."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

_RATED_SECONDS = 10.0
"""Seconds over which the current rates are measured."""
_LAST_ROWS = 5


@dataclass
class Progress:
    """The figures of a run.

    Attributes:
        total: The number of rows; None while unknown.
        done: Rows that have an answer or an error.
        failed: Rows that have an error.
        stored: Rows whose answer was already in the store.
        repeated: Rows that are equal to another and were not asked.
        retried: Requests that were repeated.
        cut: Answers that `max_tokens` cut off.
        input_tokens: Tokens of all prompts sent, as the server counts them.
        output_tokens: Tokens of all answers received.
        at_once: How many requests may be on their way now.
        why: Why so many.
        replicas: The replicas that answer; None if unknown.
        waiting: What the run is waiting for, in one line; empty if for answers only.
        last: The last rows with their prompts and answers.
    """

    total: int | None = None
    done: int = 0
    failed: int = 0
    stored: int = 0
    repeated: int = 0
    retried: int = 0
    cut: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    at_once: int = 0
    why: str = ""
    replicas: int | None = None
    waiting: str = ""
    last: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=_LAST_ROWS))
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    _points: deque[tuple[float, int, int]] = field(default_factory=deque)

    @property
    def seconds(self) -> float:
        """Seconds since the start, up to the end."""
        return (time.monotonic() if self.ended is None else self.ended) - self.started

    @property
    def asked(self) -> int:
        """Rows that were answered or failed in this run, rather than found."""
        return self.done - self.stored

    @property
    def rows_per_second(self) -> float:
        """Rows asked in each second of the run."""
        return self.asked / self.seconds if self.seconds > 0 else 0.0

    @property
    def usage(self) -> dict[str, int]:
        """The tokens of this run's requests."""
        both = self.input_tokens + self.output_tokens
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "total_tokens": both,
        }

    def rates(self) -> tuple[float, float]:
        """Return rows and output tokens per second, lately; called by the view that shows them."""
        now = time.monotonic()
        self._points.append((now, self.asked, self.output_tokens))
        while len(self._points) > 2 and now - self._points[0][0] > _RATED_SECONDS:  # noqa: PLR2004
            self._points.popleft()
        then, rows, tokens = self._points[0]
        if now - then < 0.2:  # noqa: PLR2004  # too short to say anything
            return self.rows_per_second, self.output_tokens / max(self.seconds, 1e-9)
        return (self.asked - rows) / (now - then), (self.output_tokens - tokens) / (now - then)

    def left(self, rate: float) -> float | None:
        """Return the seconds left at `rate` rows per second; None if unknown."""
        if self.total is None or rate <= 0:
            return None
        return max(self.total - self.done, 0) / rate

    def snapshot(self) -> dict[str, Any]:
        """Return the figures of the whole run, for people and records."""
        return {
            "rows": self.done,
            "failed": self.failed,
            "stored": self.stored,
            "seconds": round(self.seconds, 3),
            **self.usage,
        }
