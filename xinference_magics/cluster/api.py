"""The management API of one endpoint: xinference-client with our own session.

The client's session is replaced by ours before its first request; an answer of another shape
than expected comes from no Xinference.
"""

from __future__ import annotations

import logging
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from xinference_client.client.restful.restful_client import Client

from xinference_magics.cluster.models import text
from xinference_magics.errors import (
    BadRequestError,
    ConnectError,
    NotOfferedError,
    PermissionDeniedError,
    ServerError,
)
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts, normalize, quoted
from xinference_magics.transport.sync import open_session
from xinference_magics.transport.traces import raised_in
from xinference_magics.transport.unreachable import no_xinference
from xinference_magics.wire.shapes import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.transport.bearer import Token

_log = logging.getLogger(__name__)

T = TypeVar("T")

_INTERNAL_ERROR = 500
_UNWINDING = 120.0  # seconds: a cancel is answered when the launch has unwound, after 18-60


class _Client(Client):  # type: ignore[misc]
    """The client with our session; its constructor asks the server nothing."""

    def __init__(self, endpoint: str, session: requests.Session) -> None:
        self.session: requests.Session
        self._ours = session
        super().__init__(endpoint)

    # The client's constructor asks the server here whether it wants credentials, without a limit
    # in time and with exceptions of its own, before its session can be replaced by ours; see
    # test_nothing_is_asked_before_a_method_is_called.
    def _check_cluster_authenticated(self) -> None:
        self.session.close()
        self.session = self._ours


class ManagementApi:
    """The requests that manage an Xinference; each part of a `Cluster` asks through one.

    Args:
        endpoint: As people type it.
        token: Asked before each request for the bearer token: a login's, or an API key.
        timeouts: Limits in seconds.

    Nothing is asked of the server until a method is called.
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
        """Close the connections; nothing can be asked any more."""
        self.client.close()

    def get(self, kind: type[T], path: str, **query: str | int | None) -> T:
        """Get what the client has no method for; None among `query` is left out."""
        return self.ask(
            kind,
            lambda: self.client.session.get(f"{self.endpoint}{path}", params=query or None).json(),
        )

    def get_dated(self, kind: type[T], path: str) -> tuple[T, float]:
        """Get something, and the server's clock at that time in seconds since 1970.

        The clocks of two machines may differ: ages are told by the server's own.
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
        """Post what the client has no method for; `patience` is its own limit in seconds."""
        limits = (self._timeouts.connect, patience) if patience else None
        url = f"{self.endpoint}{path}"
        return self.ask(
            kind, lambda: self.client.session.post(url, json=body, timeout=limits).json()
        )

    def slowly(self, method: str, path: str, **query: str | int | None) -> None:
        """Request what ends processes: the client's methods take no timeout of their own."""
        limits = (self._timeouts.connect, _UNWINDING)
        url = f"{self.endpoint}{path}"
        request = self.client.session.request
        self.ask(object, request, method, url, params=query or None, timeout=limits)

    def version(self) -> str | None:
        """Return the server's version; None where the credentials may not know it."""
        try:
            return text(self.get(dict, "/v1/cluster/version").get("version"))
        except PermissionDeniedError:
            return None

    def ask(self, kind: type[T], call: Callable[..., object], *args: Any, **kwargs: Any) -> T:
        """Call the client; an answer it cannot read, or not of `kind`, is no Xinference's.

        Only what the client and the reader of JSON raise is taken for that. Whatever fails in this
        package is a bug of it, and surfaces as itself.
        """
        try:
            answer = call(*args, **kwargs)
        except NotOfferedError as error:
            error.hint = f"It is Xinference {self.version() or 'of an unknown version'}."
            raise
        except (*UNREADABLE, RuntimeError) as error:  # the client's own, for an odd status
            if not _is_unreadable(error):
                raise
            _log.debug("The answer cannot be read", exc_info=True)
            raise no_xinference(self.endpoint) from error
        if not isinstance(answer, kind):
            raise no_xinference(self.endpoint)
        return answer


def _is_unreadable(error: Exception) -> bool:
    """Tell whether the reader of JSON has refused an answer, or the client has failed to read it.

    Other exceptions from within `requests` mean that this package has called it wrongly.
    """
    refused = isinstance(error, requests.JSONDecodeError)
    return refused or raised_in(error, "json", "simplejson", "xinference_client")


def may_pass(error: Exception) -> bool:
    """Tell whether asking again may help: nobody has answered, or the server itself has failed."""
    failed = isinstance(error, ServerError) and (error.status or 0) >= _INTERNAL_ERROR
    return failed or isinstance(error, ConnectError)


def in_path(uid: str) -> str:
    """Make a UID fit for a URL's path: the client puts it in as it is.

    Some can be launched but never be asked for again.

    Raises:
        BadRequestError: No path can hold it.
    """
    if "/" in uid or uid in {".", ".."}:
        raise BadRequestError(f"No URL can name the UID {uid!r}.", hint="Leave out slashes.")
    return quoted(uid)
