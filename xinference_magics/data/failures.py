"""What a failure means for a row, and for the rest of the run."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import (
    ConnectError,
    ModelNotFoundError,
    ModelNotReadyError,
    NotOfferedError,
    RateLimitError,
    ServerError,
    TimedOutError,
    XinferenceError,
)
from xinference_magics.plain import neutralise, shortened
from xinference_magics.transport.failures import worker_gone

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 4
"""How often a row is sent if the server fails to answer it."""
OUTAGE_SECONDS = 120.0
"""Seconds without any answer, and without a server, after which a run ends."""
_FIRST_SECONDS, _MOST_SECONDS = 0.25, 15.0
"""The first and the longest wait before a row is sent again."""


class Then(Enum):
    """What to do about a failure."""

    STOP = auto()
    """Every other row would fail in the same way."""
    RETRY = auto()
    """The same request may succeed."""
    WAIT = auto()
    """The server or the model is away; the row is not at fault."""
    GIVE_UP = auto()
    """It is the row's own failure."""


@dataclass(frozen=True)
class Verdict:
    """What a failure means.

    Attributes:
        then: What to do.
        crowded: In a few words, if fewer requests at once may help.
        retry_after: Seconds to wait, if the server said so.
    """

    then: Then
    crowded: str = ""
    retry_after: float | None = None


_STOPS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def judged(error: Exception) -> Verdict:
    """Return what a failure means, for errors of this package and of other libraries."""
    status, after = _status(error), getattr(error, "retry_after", None)
    for fits, verdict in _VERDICTS:
        if fits(error, status):
            return replace(verdict, retry_after=after)
    return Verdict(Then.GIVE_UP)


def _is_final(error: Exception, status: int | None) -> bool:
    """Return whether every other row would fail, too; a ban is a 429 that does not pass."""
    banned = isinstance(error, RateLimitError) and not error.is_retryable
    lost = isinstance(error, ConnectError) and not error.is_retryable
    unknown = isinstance(error, ModelNotFoundError | NotOfferedError)
    return banned or lost or unknown or status in _STOPS


def _is_away(error: Exception, _status: int | None) -> bool:
    """Return whether the server or a worker does not answer, whatever it is asked."""
    gone = isinstance(error, ServerError) and worker_gone(error.detail)
    return gone or isinstance(error, ConnectionError | ConnectError)


def _may_pass(error: Exception, status: int | None) -> bool:
    if isinstance(error, XinferenceError):
        return error.is_retryable
    return status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR


_VERDICTS: tuple[tuple[Callable[[Exception, int | None], bool], Verdict], ...] = (
    (_is_final, Verdict(Then.STOP)),
    (
        lambda error, status: isinstance(error, RateLimitError) or status == 429,  # noqa: PLR2004
        Verdict(Then.WAIT, "the server refused some (429)"),
    ),
    (
        lambda error, status: isinstance(error, ModelNotReadyError) or status == 503,  # noqa: PLR2004
        Verdict(Then.WAIT, "the server was busy (503)"),
    ),
    (
        lambda error, _: isinstance(error, TimedOutError | TimeoutError),
        Verdict(Then.RETRY, "some timed out"),
    ),
    (_is_away, Verdict(Then.WAIT)),
    (_may_pass, Verdict(Then.RETRY)),
)
"""What failures mean; the first that fits counts."""


def _status(error: Exception) -> int | None:
    """Return the HTTP status of an error of any library."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status", "status_code"):
            status: Any = getattr(holder, name, None)
            if isinstance(status, int) and not isinstance(status, bool):
                return status
    return None


def backoff(attempt: int, retry_after: float | None = None) -> float:
    """Return how many seconds to wait before the next attempt, counted from 0, with jitter."""
    wait = min(_FIRST_SECONDS * 2.0**attempt, _MOST_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311
    return max(wait, retry_after or 0.0)


def line(error: BaseException) -> str:
    """Return an error as one line, for its row."""
    text = str(error).partition("\nFor troubleshooting")[0]
    if isinstance(error, ServerError) and error.detail and error.detail not in text:
        text = f"{text} {error.detail}"
    name = "" if isinstance(error, XinferenceError) else f"{type(error).__name__}: "
    return shortened(neutralise(" ".join(f"{name}{text}".split()))) or type(error).__name__
