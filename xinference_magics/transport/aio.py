"""The asynchronous session: aiohttp with this package's timeouts, errors and credentials."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from requests.utils import get_environ_proxies, select_proxy

from xinference_magics.transport.bearer import Bearer, Token
from xinference_magics.transport.connections import (
    end_all,
    look_up,
    open_socket,
    tls_context,
    usable_proxy,
)
from xinference_magics.transport.endpoint import INFERENCE, Timeouts, is_loopback
from xinference_magics.transport.events import aread, whole, written
from xinference_magics.transport.failures import server_error
from xinference_magics.transport.handle import JSON, check_status
from xinference_magics.transport.logs import timed
from xinference_magics.transport.unreachable import misused_proxy, no_xinference
from xinference_magics.wire.uploads import form

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from types import SimpleNamespace

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 2.0  # seconds; the server closes a connection after five
_MANY_SOCKETS = 256
_MAX_ROUNDS = 1000  # five are enough


def open_async_session(
    endpoint: str,
    *,
    token: Token | None = None,
    timeouts: Timeouts = INFERENCE,
    keep_alive: bool = False,
) -> aiohttp.ClientSession:
    """Return a session for `endpoint` on the running loop; error statuses raise our errors.

    Args:
        endpoint: A normalized endpoint.
        token: Called before each request for the bearer token; None sends none.
        timeouts: Limits in seconds; the whole response has no limit.
        keep_alive: Whether requests share connections. Otherwise each has one of its own: the
            server closes kept-alive ones after five idle seconds and after some errors, and
            aiohttp does not resend a POST.
    """
    kept = {"keepalive_timeout": _IDLE_SECONDS, "limit": 0} if keep_alive else {"force_close": True}
    bearer = Bearer.of(endpoint, token)
    return aiohttp.ClientSession(
        connector=_Connector(
            **kept,
            ssl=tls_context() if endpoint.startswith("https:") else True,
            resolver=_Resolver(),
            use_dns_cache=False,
        ),
        timeout=aiohttp.ClientTimeout(
            total=None, connect=timeouts.connect, sock_read=timeouts.read
        ),
        raise_for_status=_check(endpoint, bearer),
        proxy=_proxy(endpoint),
        trace_configs=[_authorization(bearer)] if token else None,
    )


def _proxy(endpoint: str) -> str | None:
    """Return the environment's proxy for `endpoint`, as `requests` chooses it.

    aiohttp can find one itself, but then it also adds a netrc's password to our token, and fails.

    Raises:
        ConnectError: The environment names something that isn't a proxy's URL.
    """
    if is_loopback(endpoint):
        return None
    named = select_proxy(endpoint, get_environ_proxies(endpoint))
    url = usable_proxy(named) if named else None
    if named and url is None:
        del named  # a traceback may show the local variables of its frames
        raise misused_proxy(endpoint)
    return url


class _Connector(aiohttp.TCPConnector):
    """Leaves no connection open when it is closed.

    aiohttp lets TLS shut down first, for which asyncio waits 30 s if nobody answers; by then the
    loop may have ended, and the connection would stay open until garbage collection.
    """

    def __init__(self, **options: Any) -> None:
        self._sockets: list[socket.socket] = []
        super().__init__(socket_factory=self._opened, **options)

    def _opened(self, address: Any) -> socket.socket:
        if len(self._sockets) > _MANY_SOCKETS:  # those of a session that is used for long
            self._sockets = [each for each in self._sockets if each.fileno() >= 0]
        self._sockets.append(open_socket(address))
        return self._sockets[-1]

    async def close(self, *, abort_ssl: bool = False) -> None:
        end_all(self._sockets)
        await super().close(abort_ssl=abort_ssl)
        for _ in range(_MAX_ROUNDS):  # iterations of the loop, which closes them
            if all(each.fileno() < 0 for each in self._sockets):
                return
            await asyncio.sleep(0)
        for each in self._sockets:
            each.close()


class _Resolver(AbstractResolver):
    """Looks up names; a lookup that hangs blocks neither the loop's end nor its other work."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.wrap_future(look_up(host, port, family))
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=port,
                family=address.family,
                proto=address.protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _check(endpoint: str, bearer: Bearer) -> Callable[[aiohttp.ClientResponse], Awaitable[None]]:
    async def check(response: aiohttp.ClientResponse) -> None:
        if response.status == HTTPStatus.UNAUTHORIZED:
            bearer.refused(response.request_info.headers.get("Authorization"))
        if response.status >= HTTPStatus.BAD_REQUEST:
            async with response:
                raise server_error(
                    response.status,
                    await response.read(),
                    endpoint=endpoint,
                    retry_after=response.headers.get("Retry-After"),
                    challenge=response.headers.get("WWW-Authenticate"),
                )
        if response.content_type == "text/html":
            response.close()
            raise no_xinference(endpoint, "with a web page")

    return check


def _authorization(bearer: Bearer) -> aiohttp.TraceConfig:
    async def add(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        request: aiohttp.TraceRequestStartParams,
    ) -> None:
        token = await bearer.without_blocking()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(add)
    return trace


class AsyncModelHandle:
    """Sends request bodies, asynchronously.

    Args:
        endpoint: A normalized endpoint.
        session: A session of the running loop.
    """

    def __init__(self, endpoint: str, session: aiohttp.ClientSession) -> None:
        self._endpoint = endpoint
        self._session = session

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send `body`; return the whole response, or its chunks if `body` asks for a stream."""
        url = f"{self._endpoint}{path}"
        with timed(_log, logging.DEBUG, "POST", path) as asked:
            # Sent in pieces: more than a MiB as bytes would block the loop, with a warning.
            data = io.BytesIO(written(body))
            response = await self._session.post(url, data=data, headers=JSON)
            asked.status = response.status
        if body.get("stream"):
            return _chunks(response)
        async with response:
            check_status(response.status)
            return whole(await response.read())

    async def upload(self, path: str, body: dict[str, Any], *, raw: bool) -> Any:
        """Send `body` as a form with its files; return the response, as bytes if `raw`."""
        fields, files = form(body)
        data = aiohttp.FormData(fields, quote_fields=False)
        for name, file in files:
            content = io.BytesIO(file.data)
            data.add_field(name, content, filename=file.name, content_type=file.mime_type)
        received = await self._read(path, data=data)
        return received if raw else whole(received)

    async def fetch(self, path: str, body: dict[str, Any]) -> bytes:
        """Send `body`, and return the response as it is."""
        return await self._read(path, data=io.BytesIO(written(body)), headers=JSON)

    async def _read(self, path: str, **sent: Any) -> bytes:
        with timed(_log, logging.DEBUG, "POST", path) as asked:
            response = await self._session.post(f"{self._endpoint}{path}", **sent)
            asked.status = response.status
        async with response:
            check_status(response.status)
            return await response.read()


async def _chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[dict[str, Any]]:
    async with response, aclosing(aread(response.content.iter_any())) as chunks:
        check_status(response.status)
        async for chunk in chunks:
            yield chunk


@asynccontextmanager
async def open_handle(
    endpoint: str, *, token: Token | None, timeouts: Timeouts, keep_alive: bool = False
) -> AsyncGenerator[AsyncModelHandle]:
    """Lend a handle on the running loop, for one request unless connections are kept alive.

    A connection serves one request, so a session does too: that way none is bound to a loop that
    has ended, and none is left unclosed.
    """
    opened = open_async_session(endpoint, token=token, timeouts=timeouts, keep_alive=keep_alive)
    async with opened as session:
        yield AsyncModelHandle(endpoint, session)
