"""The current token for each request: never one that a header cannot carry.

A token that was refused is not sent again soon.

Ten bad tokens within 300 seconds ban an address for an hour, for everyone who works from there.
A loop that continues after a refusal must not be what sends them.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from xinference_magics.errors import AuthenticationError
from xinference_magics.transport.failures import other_credentials

Token = Callable[[], str | None]

_PAUSE_SECONDS = 120.0  # seconds: allows three attempts within the time in which ten cause a ban
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class _Found:
    """The result of a token lookup, wrapped because asyncio's debug log shows task results."""

    token: str | None = field(repr=False)


class Bearer:
    """A source of tokens that remembers which one was refused.

    Args:
        endpoint: Where they are sent.
        source: Called before each request; None sends none.
        at_once: Whether calling `source` never blocks, so that no thread is needed for it.
    """

    def __init__(self, endpoint: str, source: Token | None, *, at_once: bool = False) -> None:
        self._endpoint = endpoint
        self._source = source
        self._at_once = at_once
        self._refused: str | None = None
        self._again_at = 0.0
        self._looking: asyncio.Task[_Found] | None = None

    @classmethod
    def of(cls, endpoint: str, source: Token | None) -> Bearer:
        """Return `source` itself if it is a `Bearer`, so that sessions share what they learn."""
        return source if isinstance(source, Bearer) else cls(endpoint, source)

    def __call__(self) -> str | None:
        """Return the token to send, stripped of surrounding whitespace.

        An exception of the source passes through unchanged: it may be from the user's own code.

        Raises:
            AuthenticationError: A header cannot carry it, or it was refused recently; nothing
                was sent.
        """
        token = self._source() if self._source else None
        if isinstance(token, str):
            token = token.strip()
        if fault := _fault(token):
            del token
            raise AuthenticationError(
                f"The credentials for {self._endpoint} cannot be sent: {fault}.",
                hint=other_credentials(self._endpoint),
            )
        left = self._again_at - time.monotonic()
        if token and token == self._refused and left > 0:
            del token  # a traceback may show the local variables of its frames
            raise AuthenticationError(
                f"{self._endpoint} has rejected these credentials; bad ones can get this address "
                f"banned, so they are not sent again for {left:.0f} s.",
                hint=other_credentials(self._endpoint),
            )
        return token

    async def without_blocking(self) -> str | None:
        """Return the token to send; renewing it first may take a request.

        Requests on the same loop that begin during a lookup share its result.

        Raises:
            AuthenticationError: As for a call.
        """
        if self._at_once:
            return self()
        looking, loop = self._looking, asyncio.get_running_loop()
        if looking is None or looking.get_loop() is not loop:
            looking = self._looking = loop.create_task(asyncio.to_thread(self._look))
            looking.add_done_callback(self._looked)
        return (await asyncio.shield(looking)).token

    def _look(self) -> _Found:
        return _Found(self())

    def refused(self, authorization: str | None) -> None:
        """Record that the server answered 401 to this Authorization header."""
        self._refused = (authorization or "").removeprefix("Bearer ") or None
        self._again_at = time.monotonic() + _PAUSE_SECONDS

    def _looked(self, looking: asyncio.Task[_Found]) -> None:
        """Drop the token, and keep asyncio from reporting an error that no request awaits."""
        if self._looking is looking:
            self._looking = None
        if not looking.cancelled():
            looking.exception()


def _fault(token: object) -> str:
    """Return why a header cannot carry a token, or an empty string if it can.

    Beyond ASCII, `requests` would send Latin-1 and aiohttp UTF-8, and bearer tokens have no such
    characters (RFC 6750, 2.1).
    """
    if token is None:
        return ""
    if not isinstance(token, str):
        return f"the function that supplies them returned {type(token).__name__}, not a string"
    if _CONTROLS.search(token):
        return "they contain a line break or another control character"
    return "" if token.isascii() else "they contain a character that is not ASCII"
