"""A login at a server: its tokens, in a private file, renewed in time by one caller for all.

An access token lives 30 minutes and a refresh token works once, so all of a user's notebooks
share one file per server, and whichever finds the token close to expiry renews it under a lock.
Nothing secret stays in memory: each request reads the file, so a login or a logout takes effect
in all notebooks at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self

from xinference_magics.errors import AuthenticationError, ConnectError, XinferenceError
from xinference_magics.files import (
    locked,
    make_private_folder,
    read_private,
    state_folder,
    write_private,
)
from xinference_magics.json_fields import Json, mapping
from xinference_magics.remedies import Remedy
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts, is_loopback
from xinference_magics.transport.events import EventError, whole
from xinference_magics.transport.logs import dropped
from xinference_magics.transport.traces import forgotten
from xinference_magics.wire.shapes import MalformedError, number_in, text_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from requests import Response

    from xinference_magics.process import ProcessIdentity

_log = logging.getLogger(__name__)

_RENEWAL_FRACTION = 0.75  # fraction of a token's life after which it is renewed
_MARGIN_SECONDS = 5.0  # seconds: a token that expires this soon may have expired on arrival
_DATE_SECONDS = 1.0  # seconds that a Date header may be behind, as it is in whole seconds
_NEVER = 1e12
_LOCK_SECONDS = (
    60.0  # seconds to let another notebook renew it; that one's request gives up after 35
)


def claims(token: str) -> Json:
    """Return the claims of a JWT, unverified, or an empty dict if `token` isn't one.

    Args:
        token: As in an Authorization header, without ``Bearer``.
    """
    try:
        payload = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return mapping(said)


@dataclass(frozen=True)
class Tokens:
    """The tokens obtained by a login.

    Args:
        username: The user they belong to.
        access: The JWT to send.
        refresh: Exchanged for new tokens, once; empty if there is none left.
        expires: When `access` expires, in seconds since 1970 by this machine's clock.
        life: Seconds from when `access` was received until it expires.
        server: The `ProcessIdentity`, as a dict, of the only process they are for, if known.
    """

    username: str = ""
    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    expires: float = 0.0
    life: float = 0.0
    server: dict[str, Any] | None = None

    @classmethod
    def of(cls, answer: Response, username: str) -> Self:
        """Parse the response to a login or a refresh; the server's clock may differ from ours.

        Raises:
            EventError: The response is an error despite its success status.
            MalformedError: It contains no readable token.
        """
        data = whole(answer.content)
        now = there = time.time()
        with suppress(LookupError, OverflowError, ValueError):
            there = parsedate_to_datetime(answer.headers["Date"]).timestamp() + _DATE_SECONDS
        access = text_in(data, "access_token")
        life = number_in(claims(access), "exp") - there
        return cls(username, access, text_in(data, "refresh_token"), now + life, life)

    @classmethod
    def of_key(cls, api_key: str, server: ProcessIdentity | None = None) -> Self:
        """Wrap an API key, which has no user name here and expires when the server says so."""
        return cls(
            access=api_key.strip(), expires=_NEVER, server=asdict(server) if server else None
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the tokens saved in a file, or empty ones if there are none."""
        with suppress(TypeError):
            return cls(**read_private(path))
        return cls()

    @property
    def orphaned(self) -> bool:
        """Whether the process they are for has ended; whatever now has its port gets no token."""
        if self.server is None:
            return False
        from xinference_magics.process import ProcessIdentity

        return ProcessIdentity(**self.server).process() is None

    @property
    def good(self) -> bool:
        """Whether the access token can still be sent."""
        return time.time() < self.expires - min(_MARGIN_SECONDS, self.life / 10)

    @property
    def fresh(self) -> bool:
        """Whether the access token does not need to be renewed yet."""
        return time.time() < self.expires - (1 - _RENEWAL_FRACTION) * self.life


def sign_in(endpoint: str, username: str, password: str, timeouts: Timeouts = MANAGEMENT) -> Tokens:
    """Log in with a user name and password.

    Raises:
        AuthenticationError: One of them is wrong.
        ConnectError: Nothing answers there, or what does isn't Xinference.
    """
    body = {"username": username, "password": password}
    return _asked(endpoint, "/token", body, username, timeouts)


def _asked(
    endpoint: str, path: str, body: dict[str, str], username: str, timeouts: Timeouts
) -> Tokens:
    from xinference_magics.transport.sync import open_session
    from xinference_magics.transport.unreachable import no_xinference

    with open_session(endpoint, timeouts=timeouts) as session:
        try:
            return Tokens.of(session.post(f"{endpoint}{path}", json=body), username)
        except (EventError, MalformedError):
            _log.debug("The answer holds no token", exc_info=True)
            raise no_xinference(endpoint) from None  # that exception's frames hold the password


@dataclass(frozen=True)
class Login:
    """The login saved for one server.

    Args:
        endpoint: A normalized endpoint.
        path: The file; None for the one with the user's own login there.
        sign_in_again: Gets new tokens with a saved password if they cannot be refreshed; None if
            only the user knows the password.
    """

    endpoint: str
    path: Path | None = None
    sign_in_again: Callable[[], Tokens] | None = field(default=None, repr=False)

    @property
    def username(self) -> str:
        """Who is logged in, or was until the login expired; empty for nobody."""
        return self.kept.username

    @property
    def usable(self) -> bool:
        """Whether it can still supply tokens, to the best of our knowledge."""
        kept = self.kept
        return kept.good or bool(kept.refresh or self.sign_in_again)

    @property
    def _file(self) -> Path:
        return self.path or state_folder() / "logins" / f"{_name(self.endpoint)}.json"

    @property
    def kept(self) -> Tokens:
        """The tokens saved in its file, empty if there are none."""
        return Tokens.load(self._file)

    def keep(self, tokens: Tokens) -> None:
        """Save the tokens from `sign_in`, replacing those saved before."""
        make_private_folder(self._file.parent)
        with locked(self._lock):
            write_private(self._file, asdict(tokens))

    def end(self, timeouts: Timeouts = MANAGEMENT) -> bool:
        """Log out, also at the server if it can be reached; return whether there was a login."""
        if not self._file.exists():
            return False
        with locked(self._lock):
            refresh = self.kept.refresh
            self._file.unlink(missing_ok=True)
        with dropped(_log, XinferenceError):
            self._revoke(refresh, timeouts)
        return True

    def __call__(self) -> str:
        """Return a token that will be valid for a while, renewing it first if necessary.

        Raises:
            AuthenticationError: The login has expired; nothing was sent.
            ConnectError: The token has expired, and either the server does not answer the request
                to renew it, or another notebook is still trying to.
            ServerError: The token has expired, and the server failed to renew it.
            NotebookError: The token has expired, and a new one could not be saved.
        """
        tokens = self.kept
        if tokens.fresh:
            return tokens.access
        # An interrupt while the response is in flight would lose the only refresh token.
        with forgotten(), ThreadPoolExecutor(1, "xinference-login") as apart:
            return apart.submit(self._in_turn, tokens).result()

    @property
    def _lock(self) -> Path:
        return self._file.with_suffix(".lock")

    def _in_turn(self, tokens: Tokens) -> str:
        """Renew the tokens unless another notebook has; wait only if the old ones are unusable."""
        patience = 0.0 if tokens.good else _LOCK_SECONDS
        try:
            make_private_folder(self._file.parent)
            with locked(self._lock, patience):
                tokens = self.kept
                if not tokens.fresh:
                    tokens = self._renewed(tokens)
        except TimeoutError:
            if not tokens.good:
                if patience:
                    raise self._busy() from None
                return self._in_turn(tokens)  # it has expired just now
        except XinferenceError:
            if not tokens.good:
                raise
            _log.debug("The login could not be renewed, and is still good", exc_info=True)
        return tokens.access

    def _busy(self) -> ConnectError:
        return ConnectError(
            f"The login at {self.endpoint} was not renewed: another notebook has been renewing "
            f"it for {_LOCK_SECONDS:.0f} s.",
            hint="Try again soon.",
            is_retryable=True,
        )

    def _renewed(self, tokens: Tokens) -> Tokens:
        renewed = self._refreshed(tokens)
        if renewed is None and self.sign_in_again:
            renewed = self.sign_in_again()
        if renewed is None:
            renewed = replace(tokens, refresh="")  # never resend a refused one
        if renewed != tokens:
            write_private(self._file, asdict(renewed))
        if not renewed.good:
            raise AuthenticationError(
                f"The login at {self.endpoint} has expired.",
                hint=Remedy.LOG_IN_AGAIN(endpoint=self.endpoint),
            )
        return renewed

    def _refreshed(self, tokens: Tokens) -> Tokens | None:
        if not tokens.refresh:
            return None
        # It works once, so check that the file can be written before spending it.
        write_private(self._file, asdict(tokens))
        body = {"refresh_token": tokens.refresh}
        try:  # with long timeouts: giving up on the response would waste the token
            return _asked(self.endpoint, "/v1/auth/refresh", body, tokens.username, MANAGEMENT)
        except AuthenticationError:
            _log.debug("The refresh token was refused", exc_info=True)
            return None

    def _revoke(self, refresh: str, timeouts: Timeouts) -> None:
        from xinference_magics.transport.sync import open_session

        with open_session(self.endpoint, timeouts=timeouts) as session:
            session.post(f"{self.endpoint}/v1/auth/logout", json={"refresh_token": refresh})


def _name(endpoint: str) -> str:
    """Return an endpoint's file name; machines share home folders, but not loopback addresses."""
    place = endpoint.replace("://localhost", "://127.0.0.1")
    if is_loopback(endpoint):
        place = f"{socket.gethostname()} {place}"
    return hashlib.sha256(place.encode()).hexdigest()
