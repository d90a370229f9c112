"""The synchronous session: `requests` with this package's timeouts, errors and credentials.

xinference-client hands every request to the session it holds. This one closes that client's
traps: it waits with limits, turns error statuses and network failures into our errors before
the client can lose them, keeps proxies away from this machine, and asks for the credentials
anew with each request.
"""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from xinference_magics.errors import ConnectError
from xinference_magics.transport.bearer import Bearer, Token
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts, is_loopback
from xinference_magics.transport.failures import server_error
from xinference_magics.transport.unreachable import connect_error

_OK = 200
_FIRST_ERROR = 400
_UNAUTHORIZED = 401


def open_session(
    endpoint: str, *, token: Token | None = None, timeouts: Timeouts = MANAGEMENT
) -> requests.Session:
    """Return a session for `endpoint`, whose requests raise only errors of this package.

    Args:
        endpoint: A normalized endpoint.
        token: Asked before each request for the bearer token; None sends none.
        timeouts: Limits in seconds, for requests that bring none of their own.

    While the body of a streamed answer is read, the exceptions are still those of `requests`.
    """
    session = _Session(endpoint)
    session.trust_env = not is_loopback(endpoint)
    bearer = Bearer.of(endpoint, token)
    session.auth = _Authorization(bearer)
    adapter = _Adapter(endpoint, timeouts, bearer)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _Session(requests.Session):
    """Raise what goes wrong on the way of a redirect, too, as one of our errors."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        try:
            return super().send(request, **kwargs)
        except (requests.RequestException, ValueError) as error:
            raise connect_error(error, self._endpoint) from error


class _Authorization(AuthBase):
    """Put in the token of the moment; `requests` takes it out on the way to another host."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self._bearer()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return request


class _Adapter(HTTPAdapter):
    """Send with limits, and raise what the answer means."""

    def __init__(self, endpoint: str, timeouts: Timeouts, bearer: Bearer) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._bearer = bearer
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def close(self) -> None:
        """Close the connections now: urllib3 waits for a pool's end, which a kept error delays."""
        pools = self.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118  # it cannot be iterated over
            pools[key].close()
        super().close()

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        **kwargs: Any,
    ) -> requests.Response:
        limits: Any = timeout or (self._timeouts.connect, self._timeouts.read)
        try:
            response = super().send(request, stream=stream, timeout=limits, **kwargs)
            if not stream or response.status_code >= _FIRST_ERROR:
                _read_whole(response)  # its errors belong in this try as well
        except (requests.RequestException, ConnectionError) as error:
            raise connect_error(error, self._endpoint) from error
        self._check(response)
        return response

    def _check(self, response: requests.Response) -> None:
        if response.status_code == _UNAUTHORIZED:
            self._bearer.refused(response.request.headers.get("Authorization"))
        if response.status_code >= _FIRST_ERROR:
            raise server_error(
                response.status_code,
                response.content,
                endpoint=self._endpoint,
                retry_after=response.headers.get("Retry-After"),
                challenge=response.headers.get("WWW-Authenticate"),
                path=response.request.path_url,
            )
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.close()
            raise ConnectError(
                f"{self._endpoint} answers with a web page: it is not an Xinference server.",
                hint="%xinference connect URL takes another server.",
            )


def _read_whole(response: requests.Response) -> None:
    """Read the body; http.client takes headers that break off for an answer without one.

    Raises:
        ConnectionResetError: The connection was closed in the headers.
    """
    sized = any(name in response.headers for name in ("content-length", "transfer-encoding"))
    if not response.content and not sized and response.status_code == _OK:
        raise ConnectionResetError


class _Resending:
    """Send a request again, once, if the server had closed the kept connection meanwhile.

    Xinference closes a connection after an internal error and after five idle seconds; a
    request that meets this dies before it is read. A fresh connection is never tried twice.
    """

    timeout: Any
    _sent: tuple[tuple[Any, ...], dict[str, Any], Any]
    _reused = False

    def connect(self) -> None:
        self._reused = False
        super().connect()  # type: ignore[misc]

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._sent = args, kwargs, self.timeout
        super().request(*args, **kwargs)  # type: ignore[misc]

    def getresponse(self) -> Any:
        try:
            response = super().getresponse()  # type: ignore[misc]
        except ConnectionError:
            if not self._reused:
                raise
            response = self._send_again()
        self._reused = True
        return response

    def _send_again(self) -> Any:
        args, kwargs, connect_timeout = self._sent
        read_timeout, self.timeout = self.timeout, connect_timeout
        self.close()  # type: ignore[attr-defined]
        super().request(*args, **kwargs)  # type: ignore[misc]
        self.timeout = read_timeout
        return super().getresponse()  # type: ignore[misc]


class _Connection(_Resending, HTTPConnection):
    pass


class _SecureConnection(_Resending, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
