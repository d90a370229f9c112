"""The token of the moment, for each request: never one that no header can carry.

One that was refused is not sent again soon.

Ten bad tokens within 300 seconds ban an address for an hour, for all who work from there. A
loop that goes on after a refusal must not be what sends them.
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

_PAUSE = 120.0  # seconds: leaves three attempts within the time in which ten ban
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class _Found:
    """What a look for a token gave: asyncio's debug log shows what a task returns."""

    token: str | None = field(repr=False)


class Bearer:
    """A source of tokens that remembers which one was refused.

    Args:
        endpoint: Where they are sent.
        source: Asked before each request; None sends none.
        at_once: Whether asking it never waits, so that no thread is needed for it.
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
        """Return `source` itself if it is one, so that sessions share what they learn."""
        return source if isinstance(source, Bearer) else cls(endpoint, source)

    def __call__(self) -> str | None:
        """Return the token to send, without the white space around it.

        Raises:
            AuthenticationError: No header can carry it, or it was refused a short while ago;
                nothing was sent.
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
            del token  # a traceback may show what its frames know
            raise AuthenticationError(
                f"{self._endpoint} has rejected these credentials; bad ones can get this address "
                f"banned, so they are not sent again for {left:.0f} s.",
                hint=other_credentials(self._endpoint),
            )
        return token

    async def without_blocking(self) -> str | None:
        """Return the token to send; it may have to be renewed by a request first.

        Requests of one loop that begin while another's token is looked up share it.

        Raises:
            AuthenticationError: As by a call.
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
        """Take note that the server has answered 401 to this Authorization header."""
        self._refused = (authorization or "").removeprefix("Bearer ") or None
        self._again_at = time.monotonic() + _PAUSE

    def _looked(self, looking: asyncio.Task[_Found]) -> None:
        """Keep no token, and do not complain of an error whose requests were all cancelled."""
        if self._looking is looking:
            self._looking = None
        if not looking.cancelled():
            looking.exception()


def _fault(token: object) -> str:
    """Say why no header can carry a token; empty where one can.

    Beyond ASCII, `requests` would send Latin-1 and aiohttp UTF-8, and no bearer token has such
    characters (RFC 6750, 2.1).
    """
    if token is None:
        return ""
    if not isinstance(token, str):
        return f"the function that supplies them returned {type(token).__name__}, not a string"
    if _CONTROLS.search(token):
        return "they contain a line break or another control character"
    return "" if token.isascii() else "they contain a character that is not ASCII"
