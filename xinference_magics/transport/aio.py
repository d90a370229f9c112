"""The asynchronous session: aiohttp with this package's timeouts, errors and credentials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import aiohttp
from xinference_client.client.restful.async_restful_client import AsyncRESTfulChatModelHandle

from xinference_magics.errors import ConnectError
from xinference_magics.transport.endpoint import INFERENCE, Timeouts, is_loopback
from xinference_magics.transport.failures import server_error

if TYPE_CHECKING:
    from types import SimpleNamespace

_FIRST_ERROR = 400
_LONGEST_LINE = 32 * 2**20  # bytes of one event; aiohttp allows twice its buffer

Token = Callable[[], str | None]
T = TypeVar("T")


def open_async_session(
    endpoint: str, *, token: Token | None = None, timeouts: Timeouts = INFERENCE
) -> aiohttp.ClientSession:
    """Return a session for `endpoint` on the running loop; error statuses raise our errors.

    Args:
        endpoint: A normalized endpoint.
        token: Asked before each request for the bearer token; None sends none.
        timeouts: Limits in seconds; there is none on a whole answer.

    Each request has a connection of its own: the server closes kept ones after five idle
    seconds and after some errors, and aiohttp does not send a POST again. So nothing can be
    left open when the loop ends either.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=timeouts.connect, sock_read=timeouts.read
        ),
        raise_for_status=_check(endpoint),
        trust_env=not is_loopback(endpoint),
        read_bufsize=_LONGEST_LINE // 2,
        trace_configs=[_bearer(token)] if token else None,
    )


def _check(endpoint: str) -> Callable[[aiohttp.ClientResponse], Awaitable[None]]:
    async def check(response: aiohttp.ClientResponse) -> None:
        if response.status >= _FIRST_ERROR:
            async with response:
                raise server_error(
                    response.status,
                    await response.read(),
                    endpoint=endpoint,
                    retry_after=response.headers.get("Retry-After"),
                )
        if response.content_type == "text/html":
            response.close()
            raise ConnectError(
                f"{endpoint} answers with a web page: it is not an Xinference server.",
                hint="%xinference connect URL takes another server.",
            )

    return check


def _bearer(token: Token) -> aiohttp.TraceConfig:
    async def add(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        request: aiohttp.TraceRequestStartParams,
    ) -> None:
        if current := token():
            request.headers["Authorization"] = f"Bearer {current}"

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(add)
    return trace


class AsyncChatHandle(AsyncRESTfulChatModelHandle):  # type: ignore[misc]  # it is untyped
    """The client's handle over a session of ours."""

    def __init__(self, endpoint: str, session: aiohttp.ClientSession) -> None:
        # The client's own constructor would open a session, and only a coroutine can close it.
        self._model_uid = ""
        self._base_url = endpoint
        self.auth_headers: dict[str, str] = {}
        self.session: aiohttp.ClientSession | None = session

    def __del__(self) -> None:
        # Only after its loop was closed by force: no connection is left to be closed.
        if self.session is not None:
            self.session.detach()


class PerLoop(Generic[T]):
    """One `T` for each running event loop, closed with it.

    Args:
        opened: Makes one; called on the loop that it is for.
        close: Closes one.
    """

    def __init__(self, opened: Callable[[], T], close: Callable[[T], Awaitable[Any]]) -> None:
        self._opened = opened
        self._close = close
        self._lives: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T, None]]] = {}

    async def get(self) -> T:
        """Return the running loop's own, made if need be."""
        loop = asyncio.get_running_loop()
        item, life = self._lives.get(loop, (None, None))
        if item is None or getattr(life, "ag_frame", None) is None:
            self._forget_closed_loops()
            life = _life(self._opened(), self._close)
            # A loop that ends closes the asynchronous generators that were begun on it.
            item = await anext(life)
            self._lives[loop] = (item, life)
        return item

    def _forget_closed_loops(self) -> None:
        for loop in [each for each in list(self._lives) if each.is_closed()]:
            self._lives.pop(loop, None)


async def _life(item: T, close: Callable[[T], Awaitable[Any]]) -> AsyncGenerator[T, None]:
    try:
        yield item
    finally:
        await close(item)
