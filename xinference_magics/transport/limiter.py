"""How many requests to send at once: additive increase, multiplicative decrease.

The number grows while more requests finish per second than before, and shrinks when the server
refuses some, lets them time out, or slows down.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from xinference_magics.errors import RateLimitError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

Result = TypeVar("Result")

LEAST, MOST = 2, 64
"""The bounds of an automatic number."""

_GAIN = 1.05
"""A larger number is kept if the rate has grown by this factor."""
_LOSS = 0.7
"""Below this share of the best rate, the number shrinks."""
_FALLS = 2
"""Windows in a row below that share, because rows differ in length."""
_HOLD_WINDOWS = 6
"""Windows without another try after one that gained nothing."""
_SLOTS = {"llama.cpp": 4, "transformers": 16, "vllm": 64, "sglang": 64, "mlx": 4}
"""Requests that a replica of each engine answers at once, unless it was launched otherwise."""


@dataclass(frozen=True)
class Slots:
    """How many requests a model answers at once.

    Attributes:
        replicas: Its ready replicas.
        each: The slots of one replica.
        why: Where the number of slots comes from.
    """

    replicas: int
    each: int
    why: str

    @property
    def total(self) -> int:
        """The slots of all replicas."""
        return self.replicas * self.each

    def __str__(self) -> str:
        many = "" if self.replicas == 1 else "s"
        return f"{self.replicas} replica{many} of {self.each} slots ({self.why})"


def usual_slots(engine: str | None, replicas: int = 1) -> Slots:
    """Return the slots of a model whose launch is unknown."""
    each = _SLOTS.get((engine or "").casefold(), LEAST)
    why = f"usual for {engine}" if (engine or "").casefold() in _SLOTS else "engine unknown"
    return Slots(max(replicas, 1), each, why)


_REFUSALS = 8
"""How often a call is repeated that the server refuses because there are too many."""


async def in_order(
    calls: Iterable[Callable[[], Awaitable[Result]]], limiter: Limiter
) -> list[Result]:
    """Make calls concurrently, as many at once as `limiter` allows; return the results in order.

    Raises:
        Exception: A call failed; those on their way are cancelled, and no more are made.
    """
    tasks: list[asyncio.Task[Result]] = []
    failed = False

    async def limited(call: Callable[[], Awaitable[Result]]) -> Result:
        nonlocal failed
        answered = False
        try:
            result = await _unless_crowded(call, limiter)
            answered = True
        finally:
            failed = failed or not answered
            limiter.release(answered=answered)
        return result

    try:
        for call in calls:
            await limiter.acquire()
            if failed:
                break
            tasks.append(asyncio.ensure_future(limited(call)))
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _unless_crowded(call: Callable[[], Awaitable[Result]], limiter: Limiter) -> Result:
    """Make a call, again after a while if the server refuses it because there are too many."""
    for refusals in range(_REFUSALS):
        sent_at = time.monotonic()
        try:
            return await call()
        except RateLimitError as error:
            if not error.is_retryable:
                raise
            limiter.refused(sent_at, "the server refused some (429)", error.retry_after)
            await asyncio.sleep(error.retry_after or 0.1 * 2**refusals)
    return await call()


class Limiter:
    """Limits how many requests are on their way, on one event loop.

    Args:
        start: How many at first.
        most: How many at most.
        least: How many at least.
        why: Where `start` comes from.

    Attributes:
        limit: How many may be on their way now.
        active: How many are.
        why: Why the limit is what it is.
    """

    def __init__(self, start: int, *, least: int = LEAST, most: int = MOST, why: str = "") -> None:
        self.limit = min(max(start, least), most)
        self.active = 0
        self.why = why
        self._least, self._most = least, most
        self._room = asyncio.Event()
        self._room.set()
        self._paused_until = 0.0
        self._shrunk_at = 0.0
        self._best = 0.0
        self._before: int | None = None
        self._hold = self._falls = 0
        self._slow_start = True
        self._begin_window()

    @classmethod
    def fixed(cls, count: int) -> Limiter:
        """Return one that neither grows nor shrinks."""
        return cls(count, least=count, most=count, why=f"max_concurrency={count}")

    @property
    def is_fixed(self) -> bool:
        """Whether the number never changes."""
        return self._least == self._most

    async def acquire(self) -> None:
        """Wait until another request may be sent, and count it."""
        while self.active >= self.limit or self._pause() > 0:
            self._room.clear()
            if (pause := self._pause()) > 0:
                await asyncio.sleep(pause)
            else:
                await self._room.wait()
        self.active += 1

    def release(self, *, answered: bool, starved: bool = False) -> None:
        """Count a request that has ended.

        Args:
            answered: Whether it was answered.
            starved: Whether nothing was waiting to be sent, so that the rate says nothing.
        """
        self.active -= 1
        if starved:
            self._begin_window()
        elif answered:
            self._finished += 1
            if self._finished >= 3 * self.limit + 4:
                self._end_window()
        self._room.set()

    def refused(self, sent_at: float, why: str, retry_after: float | None = None) -> None:
        """Shrink, because the server refused a request; once for all that were sent before."""
        now = time.monotonic()
        if retry_after:
            self._paused_until = max(self._paused_until, now + retry_after)
        if self.is_fixed or sent_at < self._shrunk_at:
            return
        self._shrunk_at = now
        self._set(self.limit // 2, f"halved: {why}")
        self._slow_start, self._hold, self._best = False, _HOLD_WINDOWS, 0.0

    def _pause(self) -> float:
        return self._paused_until - time.monotonic()

    def _begin_window(self) -> None:
        self._finished, self._since = 0, time.monotonic()

    def _end_window(self) -> None:
        rate = self._finished / max(time.monotonic() - self._since, 1e-9)
        if not self.is_fixed:
            self._judge(rate)
        self._begin_window()

    def _judge(self, rate: float) -> None:
        if (
            self._before is not None and rate < _GAIN * self._best
        ):  # the larger number gained nothing
            self._set(self._before, f"{self.limit} at once gained nothing")
            self._before, self._slow_start, self._hold = None, False, _HOLD_WINDOWS
            return
        self._falls = self._falls + 1 if rate < _LOSS * self._best else 0
        if self._before is None and self._falls >= _FALLS:
            self._falls = 0
            self._set(self.limit * 3 // 4, "rows per second fell")
            self._best, self._hold = rate, _HOLD_WINDOWS
            return
        self._before = None
        self._best = max(rate, self._best) if self._hold else rate
        if self._hold:
            self._hold -= 1
        elif self.limit < self._most:
            self._before = self.limit
            more = self.limit if self._slow_start else max(1, self.limit // 8)
            self._set(self.limit + more, "rows per second grew")

    def _set(self, limit: int, why: str) -> None:
        limit = min(max(limit, self._least), self._most)
        if limit != self.limit:
            self.limit, self.why = limit, why
            self._room.set()
