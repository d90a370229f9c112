"""A login at a server: its tokens, in a private file, renewed in time by one caller for all.

An access token lives 30 minutes and a refresh token serves once, so the notebooks of a user
have one file for each server, and whoever finds its token near its end renews it under a lock.
Nothing secret stays in memory: each request reads the file, so that a login or a logout counts
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

_FRESH = 0.75  # of a token's life; then it is renewed
_MARGIN = 5.0  # seconds: what ends so soon may have ended when it arrives
_DATE = 1.0  # seconds that a Date header may be behind, as it has whole ones only
_NEVER = 1e12
_PATIENCE = 60.0  # seconds for another notebook to renew it; its own request gives up after 35


def claims(token: str) -> dict[str, Any]:
    """Return what a JWT says, or nothing for what is none; its signature is the server's concern.

    Args:
        token: As in an Authorization header, without ``Bearer``.
    """
    try:
        payload = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return said if isinstance(said, dict) else {}


@dataclass(frozen=True)
class Tokens:
    """What a login has given.

    Args:
        username: Whose they are.
        access: The JWT that is sent.
        refresh: Gives new tokens, once; empty where there is none any more.
        expires: When `access` does, in seconds since 1970 by this machine's clock.
        life: Seconds from its making until then.
        server: The only process they are for, where that is known: its `ProcessIdentity`.
    """

    username: str = ""
    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    expires: float = 0.0
    life: float = 0.0
    server: dict[str, Any] | None = None

    @classmethod
    def of(cls, answer: Response, username: str) -> Self:
        """Read the answer to a login or a refresh; the server's clock may be another.

        Raises:
            EventError: The answer is an error, though its status is good.
            MalformedError: It holds no token that can be read.
        """
        data = whole(answer.content)
        now = there = time.time()
        with suppress(LookupError, OverflowError, ValueError):
            there = parsedate_to_datetime(answer.headers["Date"]).timestamp() + _DATE
        access = text_in(data, "access_token")
        life = number_in(claims(access), "exp") - there
        return cls(username, access, text_in(data, "refresh_token"), now + life, life)

    @classmethod
    def of_key(cls, api_key: str, server: ProcessIdentity | None = None) -> Self:
        """Make tokens of an API key, which is nobody's here and ends when the server says so."""
        return cls(
            access=api_key.strip(), expires=_NEVER, server=asdict(server) if server else None
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what is in a file; tokens that can do nothing where there is none."""
        with suppress(TypeError):
            return cls(**read_private(path))
        return cls()

    @property
    def orphaned(self) -> bool:
        """Whether the process they are for has ended; what has its port now gets nothing."""
        if self.server is None:
            return False
        from xinference_magics.process import ProcessIdentity

        return ProcessIdentity(**self.server).process() is None

    @property
    def good(self) -> bool:
        """Whether the access token can still be sent."""
        return time.time() < self.expires - min(_MARGIN, self.life / 10)

    @property
    def fresh(self) -> bool:
        """Whether it need not be renewed yet."""
        return time.time() < self.expires - (1 - _FRESH) * self.life


def sign_in(endpoint: str, username: str, password: str, timeouts: Timeouts = MANAGEMENT) -> Tokens:
    """Log in by name and password.

    Raises:
        AuthenticationError: One of them is wrong.
        ConnectError: Nothing answers there, or what does is no Xinference.
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
            raise no_xinference(endpoint) from None  # that exception's frames know the password


@dataclass(frozen=True)
class Login:
    """The login kept for one server.

    Args:
        endpoint: A normalized endpoint.
        path: The file; None for that of the user's own login there.
        anew: Gets new tokens by a password that is kept, where they cannot be refreshed; None
            where only the user knows it.
    """

    endpoint: str
    path: Path | None = None
    anew: Callable[[], Tokens] | None = field(default=None, repr=False)

    @property
    def username(self) -> str:
        """Who is logged in, or was until the login ended; empty for nobody."""
        return self.kept.username

    @property
    def usable(self) -> bool:
        """Whether it can still give tokens, as far as is known here."""
        kept = self.kept
        return kept.good or bool(kept.refresh or self.anew)

    @property
    def _file(self) -> Path:
        return self.path or state_folder() / "logins" / f"{_name(self.endpoint)}.json"

    @property
    def kept(self) -> Tokens:
        """The tokens in its file, of which there may be none."""
        return Tokens.load(self._file)

    def keep(self, tokens: Tokens) -> None:
        """Keep what `sign_in` has given, in place of what was kept."""
        make_private_folder(self._file.parent)
        with locked(self._lock):
            write_private(self._file, asdict(tokens))

    def end(self, timeouts: Timeouts = MANAGEMENT) -> bool:
        """Log out, also at the server if it can be reached; return whether a login was kept."""
        if not self._file.exists():
            return False
        with locked(self._lock):
            refresh = self.kept.refresh
            self._file.unlink(missing_ok=True)
        with dropped(_log, XinferenceError):
            self._revoke(refresh, timeouts)
        return True

    def __call__(self) -> str:
        """Return a token that is good for some time yet.

        Raises:
            AuthenticationError: The login has ended; nothing was sent.
            ConnectError: The token has expired, and the server that renews it does not answer,
                or another notebook waits for that without end.
            ServerError: The same, and the server that renews it fails.
            NotebookError: It has expired, and a new one could not be written down.
        """
        tokens = self.kept
        if tokens.fresh:
            return tokens.access
        # An interrupt while the answer is on its way would lose the only refresh token.
        with forgotten(), ThreadPoolExecutor(1, "xinference-login") as apart:
            return apart.submit(self._in_turn, tokens).result()

    @property
    def _lock(self) -> Path:
        return self._file.with_suffix(".lock")

    def _in_turn(self, tokens: Tokens) -> str:
        """Renew the tokens unless another has; who can go on with the old ones does not wait."""
        patience = 0.0 if tokens.good else _PATIENCE
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
                return self._in_turn(tokens)  # it has ended just now
        except XinferenceError:
            if not tokens.good:
                raise
            _log.debug("The login could not be renewed, and is still good", exc_info=True)
        return tokens.access

    def _busy(self) -> ConnectError:
        return ConnectError(
            f"The login at {self.endpoint} was not renewed: another notebook has been renewing "
            f"it for {_PATIENCE:.0f} s.",
            hint="Try again soon.",
            is_retryable=True,
        )

    def _renewed(self, tokens: Tokens) -> Tokens:
        renewed = self._refreshed(tokens)
        if renewed is None and self.anew:
            renewed = self.anew()
        if renewed is None:
            renewed = replace(tokens, refresh="")  # a refused one is not sent again
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
        # It serves once: it must not be spent where the new one could not be written down.
        write_private(self._file, asdict(tokens))
        body = {"refresh_token": tokens.refresh}
        try:  # with patience: who does not wait for the answer has spent the token for nothing
            return _asked(self.endpoint, "/v1/auth/refresh", body, tokens.username, MANAGEMENT)
        except AuthenticationError:
            _log.debug("The refresh token was refused", exc_info=True)
            return None

    def _revoke(self, refresh: str, timeouts: Timeouts) -> None:
        from xinference_magics.transport.sync import open_session

        with open_session(self.endpoint, timeouts=timeouts) as session:
            session.post(f"{self.endpoint}/v1/auth/logout", json={"refresh_token": refresh})


def _name(endpoint: str) -> str:
    """Return what the file of an endpoint is called; homes are shared, loopback addresses not."""
    place = endpoint.replace("://localhost", "://127.0.0.1")
    if is_loopback(endpoint):
        place = f"{socket.gethostname()} {place}"
    return hashlib.sha256(place.encode()).hexdigest()
