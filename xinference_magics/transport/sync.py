"""The synchronous session: `requests` with this package's timeouts, errors and credentials.

xinference-client sends every request through the session it holds. This one avoids that client's
pitfalls: it has timeouts, turns error statuses and network failures into our errors before the
client can lose them, bypasses proxies for this machine, and gets the credentials again for each
request.
"""

from __future__ import annotations

import logging
import socket
import time
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from xinference_magics.transport.bearer import Bearer, Token
from xinference_magics.transport.connections import (
    is_address,
    keepalive_options,
    look_up,
    tls_context,
    usable_proxy,
)
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts, is_loopback
from xinference_magics.transport.error_details import is_error
from xinference_magics.transport.failures import server_error
from xinference_magics.transport.logs import timed
from xinference_magics.transport.traces import forgotten, from_client
from xinference_magics.transport.unreachable import connect_error, misused_proxy, no_xinference

_log = logging.getLogger(__name__)

_MIN_CONNECT_SECONDS = 0.1  # seconds for an address if the lookup has used up the timeout


def open_session(
    endpoint: str,
    *,
    token: Token | None = None,
    timeouts: Timeouts = MANAGEMENT,
    log_level: int = logging.INFO,
    inference: bool = False,
) -> requests.Session:
    """Return a session for `endpoint` whose requests raise only errors of this package.

    Args:
        endpoint: A normalized endpoint.
        token: Called before each request for the bearer token; None sends none.
        timeouts: Limits in seconds, for requests that do not set their own.
        log_level: The level at which each request is logged.
        inference: Whether models are asked: an error with the status of success is then returned,
            as the reader of their answers knows more about it.

    While the body of a streamed response is read, the exceptions are still those of `requests`.

    Each request has a connection of its own. On a kept-alive one, Xinference sends the headers at
    once but the body 40 ms later, when this side has acknowledged them (measured with 4.1: its
    sockets have no TCP_NODELAY); and it closes kept-alive ones after five idle seconds.
    """
    session = _Session(endpoint)
    session.headers["Connection"] = "close"
    session.trust_env = not is_loopback(endpoint)
    bearer = Bearer.of(endpoint, token)
    session.auth = _Authorization(bearer)
    adapter = _Adapter(endpoint, timeouts, bearer, log_level, inference=inference)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _Session(requests.Session):
    """Raises failures while following a redirect, too, as our errors."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        with forgotten():  # its frames hold the token, and the environment's proxies
            return super().request(*args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        try:
            return super().send(request, **kwargs)
        except (requests.RequestException, ValueError) as error:
            if not from_client(error):
                raise
            _log.debug("The request failed", exc_info=True)
            raise connect_error(error, self._endpoint) from error


class _Authorization(AuthBase):
    """Adds the current token; `requests` removes it on a redirect to another host."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self._bearer()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return request


class _Adapter(HTTPAdapter):
    """Sends requests with timeouts, and raises error responses as exceptions."""

    def __init__(
        self,
        endpoint: str,
        timeouts: Timeouts,
        bearer: Bearer,
        log_level: int,
        *,
        inference: bool,
    ) -> None:
        self._endpoint = endpoint
        self._inference = inference
        self._timeouts = timeouts
        self._bearer = bearer
        self._log_level = log_level
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        # The documented way to use custom pools, which create the connections below.
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def build_connection_pool_key_attributes(  # type: ignore[override]
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        host, pool = super().build_connection_pool_key_attributes(request, bool(verify), cert)
        own: dict[str, Any] = {
            "socket_options": [*HTTPConnection.default_socket_options, *keepalive_options()],
            **({"ssl_context": tls_context()} if host["scheme"] == "https" else {}),
        }
        return {**host}, {**pool, **own}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        named = select_proxy(request.url or "", proxies)
        if named and usable_proxy(named) is None:
            raise misused_proxy(self._endpoint)
        return super().get_connection_with_tls_context(request, verify, proxies, cert)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if proxy.startswith("http"):  # SOCKS managers bring connections of their own
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, *_: Any) -> None:
        """Leave the pool's SSL context as it is: it already knows what to trust."""

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        **kwargs: Any,
    ) -> requests.Response:
        limits: Any = timeout or (self._timeouts.connect, self._timeouts.read)
        with timed(_log, self._log_level, str(request.method), request.path_url) as asked:
            try:
                response = super().send(request, stream=stream, timeout=limits, **kwargs)
                asked.status = response.status_code
                if not stream or response.status_code >= HTTPStatus.BAD_REQUEST:
                    _ = response.content  # errors of reading it must be caught here as well
            except OSError as error:  # includes those of `requests`
                if not from_client(error):
                    raise
                _log.debug("The request failed", exc_info=True)
                raise connect_error(error, self._endpoint) from error
            if not stream and _headers_torn(response):
                raise connect_error(ConnectionResetError(), self._endpoint)
            self._check(response)
        return response

    def _check(self, response: requests.Response) -> None:
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            self._bearer.refused(response.request.headers.get("Authorization"))
        if response.status_code >= HTTPStatus.BAD_REQUEST or self._is_error(response):
            raise server_error(
                response.status_code,
                response.content,
                endpoint=self._endpoint,
                retry_after=response.headers.get("Retry-After"),
                challenge=response.headers.get("WWW-Authenticate"),
                path=response.request.path_url,
            )
        kind = response.headers.get("Content-Type", "")
        if "charset" not in kind:
            response.encoding = "utf-8"  # requests assumes Latin-1 for text/plain
        if kind.startswith("text/html"):
            response.close()
            raise no_xinference(self._endpoint, "with a web page")

    def _is_error(self, response: requests.Response) -> bool:
        unread = self._inference or response.status_code != HTTPStatus.OK
        return not unread and is_error(response.content)


def _headers_torn(response: requests.Response) -> bool:
    """Return whether the connection was closed in the middle of the headers.

    http.client mistakes that for a response without a body.
    """
    sized = any(name in response.headers for name in ("content-length", "transfer-encoding"))
    return response.status_code == HTTPStatus.OK and not sized and not response.content


class _KeepingNone:
    """Closes each connection after its request, even if the server does not announce that."""

    # urllib3 has no option for this. A connection put back into the pool after the server closed it
    # would fail the next request, and a kept-alive one answers 40 ms later (`open_session`); see
    # test_each_request_has_a_connection_of_its_own.
    def _put_conn(self, connection: Any) -> None:
        if connection:
            connection.close()


class _InTime:
    """Connects within one timeout for everything: the lookup, and each address tried."""

    host: str
    port: int
    timeout: Any
    _dns_host: str  # with the trailing dot, if it has one

    # urllib3 applies its timeout to each address separately, and not to the name lookup: a hanging
    # resolver would block a cell for as long as it likes, and Ctrl-C would not end it. `_new_conn`
    # is where urllib3 opens the socket, and `_dns_host` is the name that it looks up there; see
    # test_a_resolver_that_hangs and test_a_name_whose_first_address_leads_nowhere.
    def _new_conn(self) -> socket.socket:
        if is_address(self._dns_host):
            return self._connected()
        name, allowed = self._dns_host, self.timeout
        ends = time.monotonic() + allowed
        addresses = self._addresses()
        try:
            while True:
                self._dns_host = addresses.pop(0)
                left = max(ends - time.monotonic(), _MIN_CONNECT_SECONDS)
                self.timeout = left / (len(addresses) + 1)
                try:
                    return self._connected()
                except (NewConnectionError, ConnectTimeoutError):
                    if not addresses:
                        raise
        finally:
            self._dns_host, self.timeout = name, allowed

    def _connected(self) -> socket.socket:
        return super()._new_conn()  # type: ignore[misc,no-any-return]

    def _addresses(self) -> list[str]:
        try:
            found = look_up(self._dns_host, self.port).result(self.timeout)
        except TimeoutError:
            raise ConnectTimeoutError(self, "No address in the time allowed") from None
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        return list(dict.fromkeys(each.host for each in found))


class _Connection(_InTime, HTTPConnection):
    pass


class _SecureConnection(_InTime, HTTPSConnection):
    pass


class _NoPool(_KeepingNone, HTTPConnectionPool):
    ConnectionCls = _Connection


class _NoSecurePool(_KeepingNone, HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _NoPool, "https": _NoSecurePool}
