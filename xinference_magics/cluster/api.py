"""The management API of one endpoint: xinference-client with our own session.

Our session replaces the client's before the first request. A response of an unexpected shape
means that the server isn't Xinference.
"""

from __future__ import annotations

import logging
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from xinference_client.client.restful.restful_client import Client

from xinference_magics.errors import (
    BadRequestError,
    ConnectError,
    NotOfferedError,
    PermissionDeniedError,
    ServerError,
)
from xinference_magics.json_fields import text
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts, normalize, quoted
from xinference_magics.transport.sync import open_session
from xinference_magics.transport.traces import from_client, raised_in
from xinference_magics.transport.unreachable import no_xinference
from xinference_magics.wire.shapes import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.transport.bearer import Token

_log = logging.getLogger(__name__)

T = TypeVar("T")

_INTERNAL_ERROR = 500
_UNWINDING = 120.0  # seconds: a cancel returns only once the launch has unwound, after 18-60


class _Client(Client):  # type: ignore[misc]
    """The client with our session; its constructor sends no request."""

    def __init__(self, endpoint: str, session: requests.Session) -> None:
        self.session: requests.Session
        self._ours = session
        super().__init__(endpoint)

    # The client's constructor uses this to ask the server whether it requires credentials, without
    # a timeout and with its own exceptions, before our session can replace its session; see
    # test_nothing_is_asked_before_a_method_is_called.
    def _check_cluster_authenticated(self) -> None:
        self.session.close()
        self.session = self._ours


class ManagementApi:
    """The requests that manage an Xinference server; all parts of a `Cluster` send theirs here.

    Args:
        endpoint: The endpoint as the user typed it.
        token: Called before each request to get the bearer token: a login's, or an API key.
        timeouts: Limits in seconds.

    No request is sent until a method is called.
    """

    def __init__(
        self, endpoint: str, *, token: Token | None = None, timeouts: Timeouts = MANAGEMENT
    ) -> None:
        self.endpoint = normalize(endpoint)
        self.token = token
        self._timeouts = timeouts
        self.client = _Client(
            self.endpoint, open_session(self.endpoint, token=token, timeouts=timeouts)
        )

    def close(self) -> None:
        """Close the connections; no more requests can be sent."""
        self.client.close()

    def get(self, kind: type[T], path: str, **query: str | int | None) -> T:
        """Send a GET the client has no method for; None values in `query` are left out."""
        return self.ask(
            kind,
            lambda: self.client.session.get(f"{self.endpoint}{path}", params=query or None).json(),
        )

    def get_dated(self, kind: type[T], path: str) -> tuple[T, float]:
        """Like `get`, but also return the server's clock at that time, in seconds since 1970.

        The clocks of two machines may differ, so ages are computed by the server's clock.
        """
        answer = self.ask(requests.Response, self.client.session.get, f"{self.endpoint}{path}")
        try:
            clock = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        except ValueError:
            clock = time.time()
        return self.ask(kind, answer.json), clock

    def post(
        self, kind: type[T], path: str, body: object = None, *, patience: float | None = None
    ) -> T:
        """Send a POST the client has no method for; `patience` overrides the timeout in seconds."""
        limits = (self._timeouts.connect, patience) if patience else None
        url = f"{self.endpoint}{path}"
        return self.ask(
            kind, lambda: self.client.session.post(url, json=body, timeout=limits).json()
        )

    def slowly(self, method: str, path: str, **query: str | int | None) -> None:
        """Send a request that ends processes, with a long timeout the client's methods lack."""
        limits = (self._timeouts.connect, _UNWINDING)
        url = f"{self.endpoint}{path}"
        request = self.client.session.request
        self.ask(object, request, method, url, params=query or None, timeout=limits)

    def version(self) -> str | None:
        """Return the server's version; None if the credentials don't permit reading it."""
        try:
            return text(self.get(dict, "/v1/cluster/version").get("version"))
        except PermissionDeniedError:
            return None

    def ask(self, kind: type[T], call: Callable[..., object], *args: Any, **kwargs: Any) -> T:
        """Call the client; treat an unreadable response, or one not of `kind`, as not Xinference's.

        Only exceptions raised in the client or the JSON parser count as unreadable. An exception
        from this package is a bug in it and propagates unchanged.
        """
        try:
            answer = call(*args, **kwargs)
        except NotOfferedError as error:
            error.hint = f"It is Xinference {self.version() or 'of an unknown version'}."
            raise
        except (*UNREADABLE, RuntimeError) as error:  # the client's, for unexpected statuses
            if not _is_unreadable(error):
                raise
            _log.debug("The answer cannot be read", exc_info=True)
            raise no_xinference(self.endpoint) from error
        if not isinstance(answer, kind):
            raise no_xinference(self.endpoint)
        return answer


def _is_unreadable(error: Exception) -> bool:
    """Return whether the JSON parser rejected a response, or the client failed to read it.

    Any other exception from within `requests` means that this package called it incorrectly.
    """
    refused = isinstance(error, requests.JSONDecodeError)
    read = refused or raised_in(error, "json", "simplejson", "xinference_client")
    return read and from_client(error)


def may_pass(error: Exception) -> bool:
    """Return whether a retry may help: no server responded, or the server itself failed."""
    failed = isinstance(error, ServerError) and (error.status or 0) >= _INTERNAL_ERROR
    return failed or isinstance(error, ConnectError)


def in_path(uid: str) -> str:
    """Quote a UID for a URL's path, as the client inserts it unquoted.

    Some UIDs can be launched but never requested again.

    Raises:
        BadRequestError: The UID cannot be part of a path.
    """
    if "/" in uid or uid in {".", ".."}:
        raise BadRequestError(f"No URL can name the UID {uid!r}.", hint="Leave out slashes.")
    return quoted(uid)
