"""Choose which of the credentials on this machine to send to a server.

The first one found wins:

1. what `Login` saved for that server: a login, renewed for as long as the server
   renews it, or an API key;
2. ``$XINFERENCE_API_KEY``;
3. the token that the command line's ``xinference login`` left for that endpoint, until it
   expires: nobody can renew it.

For this machine's private server, the first of these is an API key that can only run inference.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from xinference_magics.auth.login import Login, claims
from xinference_magics.errors import AuthenticationError, ConnectError
from xinference_magics.json_fields import real
from xinference_magics.transport.endpoint import normalize
from xinference_magics.transport.failures import other_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIN_SECONDS_LEFT = 10.0  # seconds for which a command-line token must still be valid
_HERE = ("127.0.0.1", "localhost", "0.0.0.0")  # noqa: S104  # spellings of this machine


@dataclass(frozen=True)
class Identity:
    """The user's credentials on this machine for one server.

    Args:
        endpoint: A normalized endpoint.
    """

    endpoint: str

    @property
    def login(self) -> Login:
        """The saved login; it may be empty."""
        return Login(self.endpoint)

    def __call__(self) -> str | None:
        """Return the token to send.

        Raises:
            AuthenticationError: No usable credentials are known.
        """
        token = self.token()
        if token is None:
            raise self.unknown()
        return token

    def token(self, api_key: str | None = None) -> str | None:
        """Return the token to send, or None; `api_key` overrides the environment's."""
        login = self.login
        if login.kept.orphaned:
            return None
        if login.usable:
            return login()
        return (api_key or "").strip() or _of_environment() or self.left_by_cli()

    def unknown(self) -> AuthenticationError:
        """Return the error for credentials that are missing or known to have expired."""
        if name := self.login.username:
            what = f"the login of {name} has expired"
        elif any(_cli_files(self.endpoint)):
            what = "the command line's login has expired"
        else:
            what = "none are saved here"
        return AuthenticationError(
            f"{self.endpoint} requires credentials: {what}.", hint=other_credentials(self.endpoint)
        )

    @property
    def said(self) -> str:
        """A few words on which credentials are used; empty if there are none."""
        login = self.login
        if login.usable:
            return f"logged in as {login.username}" if login.username else "with an API key"
        if _of_environment():
            return "with the key in XINFERENCE_API_KEY"
        return "with the command line's login" if self.left_by_cli() else ""

    def left_by_cli(self) -> str | None:
        """Return the token of the command line's login, unless it has expired."""
        files = _cli_files(self.endpoint)
        tokens = (path.read_text(encoding="utf-8", errors="replace").strip() for path in files)
        lives = {token: _expiry(token) - time.time() for token in tokens}
        best = max(lives, key=lambda token: lives[token], default=None)
        return best if best and lives[best] > _MIN_SECONDS_LEFT else None


def _of_environment() -> str:
    return os.environ.get("XINFERENCE_API_KEY", "").strip()


def _expiry(token: str) -> float:
    """Return when a JWT expires, in seconds since 1970, or 0 if it cannot be read."""
    return real(claims(token).get("exp")) or 0.0


def _cli_files(endpoint: str) -> Iterator[Path]:
    """Find the command line's token files, named by a hash of the endpoint as the user typed it."""
    home = os.environ.get("XINFERENCE_HOME") or Path.home() / ".xinference"
    for spelling in sorted(_spellings(endpoint)):
        path = Path(home) / "auth" / hashlib.sha256(spelling.encode()).hexdigest()
        if path.is_file() and os.access(path, os.R_OK):
            yield path


def _spellings(endpoint: str) -> set[str]:
    """Return the ways people may have typed an endpoint."""
    host = urlsplit(endpoint).hostname or ""
    hosts = _HERE if host in _HERE else (host,)
    found = {endpoint.replace(f"://{host}", f"://{each}", 1) for each in hosts}
    named = os.environ.get("XINFERENCE_ENDPOINT", "")
    with suppress(ConnectError):
        if named and normalize(named) == endpoint:
            found.add(named)
    return {spelling + end for spelling in found for end in ("", "/")}
