"""The figures of an answer: tokens, time to first token, generation rate, total time.

Time to first token is the time from the request until the first token arrives. The rate counts only
the time in which the model generates, from the first to the last token of each message: neither
waiting nor tools. Total time is everything, up to the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.tokens import estimated_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

METADATA = "streamed"
"""Where a message's `response_metadata` says how it arrived."""

_MIN_RATED_TOKENS = 20
"""Tokens below which a rate would say nothing."""
_MIN_RATED_SECONDS = 0.02
"""Minimum seconds of streaming to measure a rate: engines send several tokens at once."""
_MAX_TOKENS_A_PIECE = 8
"""Tokens in each piece above which the answer arrived as a whole, not as it was generated."""
_EXACT_BELOW = 10
"""Rates that are shown with a decimal."""
_MAX_NUMBER = 1e9
"""Numbers that no message reaches, so a larger one in a record is invalid."""
_LONG_PIECE_CHARS = 24
"""Characters above which a piece has several tokens."""


@dataclass
class Streamed:
    """How a message arrived.

    Attributes:
        pieces: The pieces with text, reasoning or calls.
        tokens: The tokens in them: one in each, or an estimate where a piece is long.
        seconds: From the first piece to the last.
        reasoning_seconds: Seconds spent reasoning; None if it did not.
    """

    pieces: int = 0
    tokens: int = 0
    seconds: float = 0.0
    reasoning_seconds: float | None = None
    _since: float | None = None

    def add(self, now: float, text: str) -> None:
        """Count a piece that has arrived."""
        self._since = now if self._since is None else self._since
        self.seconds = now - self._since
        self.pieces += 1
        self.tokens += 1 if len(text) <= _LONG_PIECE_CHARS else estimated_tokens(text)

    def to_metadata(self) -> dict[str, Any]:
        """Return it as an entry of a message's `response_metadata`; empty if nothing arrived."""
        if not self.pieces:
            return {}
        thought = self.reasoning_seconds
        return {
            METADATA: {
                "pieces": self.pieces,
                "tokens": self.tokens,
                "seconds": round(self.seconds, 3),
                **({} if thought is None else {"reasoning_seconds": round(thought, 3)}),
            }
        }

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Streamed | None:
        """Read it from a message's `response_metadata`; None if it isn't there."""
        found = metadata.get(METADATA)
        if not isinstance(found, dict):
            return None
        names = ("pieces", "tokens", "seconds", "reasoning_seconds")
        given = {name: found[name] for name in names if isinstance(found.get(name), int | float)}
        return cls(**given) if all(0 <= each < _MAX_NUMBER for each in given.values()) else None


@dataclass(frozen=True)
class Figures:
    """The figures of an answer, so far or in all.

    Attributes:
        tokens: Tokens generated; None if unknown.
        is_exact: Whether the server counted them all.
        tokens_per_second: The generation rate; None if there is too little to measure.
        first_token_seconds: Time to first token; None if none came.
        seconds: Total time.
    """

    tokens: int | None
    is_exact: bool
    tokens_per_second: float | None
    first_token_seconds: float | None
    seconds: float

    @classmethod
    def of(
        cls,
        messages: Iterable[tuple[int | None, Streamed | None]],
        first_token_seconds: float | None,
        seconds: float,
        *,
        is_running: bool = False,
    ) -> Figures:
        """Compute the figures of a turn.

        Args:
            messages: The tokens of each of its messages as the server counted them, None if it
                did not, and how the message arrived.
            first_token_seconds: Time to first token.
            seconds: Total time.
            is_running: Whether more may come, so that the count is one of the moment.
        """
        found = [_Message.of(*each) for each in messages]
        known = [each for each in found if each.is_counted or each.streamed.pieces]
        return cls(
            tokens=sum(each.tokens for each in known) if known else None,
            is_exact=is_running or all(each.is_counted for each in known),
            tokens_per_second=_rate(known),
            first_token_seconds=first_token_seconds,
            seconds=seconds,
        )

    @property
    def words(self) -> list[str]:
        """The figures in words; total time last."""
        return [*self.words_so_far, f"{self.seconds:.1f} s total"]

    @property
    def words_so_far(self) -> list[str]:
        """The figures in words, without the total time."""
        found = []
        if self.tokens is not None:
            noun = "token" if self.tokens == 1 else "tokens"
            found.append(f"{'' if self.is_exact else 'about '}{self.tokens:,} {noun}")
        if (rate := self.tokens_per_second) is not None:
            found.append(f"{rate:,.{0 if rate >= _EXACT_BELOW else 1}f} tokens/s")
        if (first := self.first_token_seconds) is not None:
            found.append(f"{first:.{1 if first >= 1 else 2}f} s to first token")
        return found


@dataclass(frozen=True)
class _Message:
    """A message with its tokens, which the server counted or not, and how it arrived."""

    tokens: int
    is_counted: bool
    streamed: Streamed

    @classmethod
    def of(cls, count: int | None, streamed: Streamed | None) -> _Message:
        streamed = streamed or Streamed()
        return cls(streamed.tokens if count is None else count, count is not None, streamed)

    @property
    def is_rated(self) -> bool:
        """Whether its tokens arrived one after the other, so that their rate is known."""
        fits = self.tokens <= self.streamed.pieces * _MAX_TOKENS_A_PIECE
        return fits and self.streamed.seconds >= _MIN_RATED_SECONDS


def _rate(messages: Iterable[_Message]) -> float | None:
    rated = [each for each in messages if each.is_rated]
    if sum(each.tokens for each in rated) < _MIN_RATED_TOKENS:
        return None
    intervals = sum(each.tokens - 1 for each in rated)
    return intervals / sum(each.streamed.seconds for each in rated)
