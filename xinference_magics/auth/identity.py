"""Who the user is at a server: which of the credentials on this machine is sent there.

The first that there is counts:

1. what ``%xinference login`` keeps for that server: a login, renewed for as long as the server
   renews it, or an API key;
2. ``$XINFERENCE_API_KEY``;
3. the token that ``xinference login`` of the command line has left for that endpoint, until it
   expires: nobody can renew it.

The private server of this machine has a key of its own in the first place, which can only infer.
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
from xinference_magics.transport.endpoint import normalize
from xinference_magics.transport.failures import other_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT = 10.0  # seconds that a token of the command line must have left
_HERE = ("127.0.0.1", "localhost", "0.0.0.0")  # noqa: S104  # spellings of this machine


@dataclass(frozen=True)
class Identity:
    """What is known on this machine about the user of one server.

    Args:
        endpoint: A normalized endpoint.
    """

    endpoint: str

    @property
    def login(self) -> Login:
        """The login of ``%xinference login``, which there need not be."""
        return Login(self.endpoint)

    def __call__(self) -> str | None:
        """Return the token to send.

        Raises:
            AuthenticationError: None is known that could be good.
        """
        token = self.token()
        if token is None:
            raise self.unknown()
        return token

    def token(self, api_key: str | None = None) -> str | None:
        """Return the token to send, or None; `api_key` is in place of the environment's."""
        login = self.login
        if login.kept.orphaned:
            return None
        if login.usable:
            return login()
        return (api_key or "").strip() or _of_environment() or self.left_by_cli()

    def unknown(self) -> AuthenticationError:
        """Say that there are no credentials to send, or that they are known to have ended."""
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
        """Who that is, in a few words; empty for nobody."""
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
        return best if best and lives[best] > _LEFT else None


def _of_environment() -> str:
    return os.environ.get("XINFERENCE_API_KEY", "").strip()


def _expiry(token: str) -> float:
    """Return when a JWT expires, in seconds since 1970; what cannot be read has expired."""
    expiry = claims(token).get("exp")
    return float(expiry) if isinstance(expiry, int | float) else 0.0


def _cli_files(endpoint: str) -> Iterator[Path]:
    """Find what the command line keeps: it names a file by the endpoint just as it was typed."""
    home = os.environ.get("XINFERENCE_HOME") or Path.home() / ".xinference"
    for spelling in sorted(_spellings(endpoint)):
        path = Path(home) / "auth" / hashlib.sha256(spelling.encode()).hexdigest()
        if path.is_file() and os.access(path, os.R_OK):
            yield path


def _spellings(endpoint: str) -> set[str]:
    """Return the ways in which people type an endpoint."""
    host = urlsplit(endpoint).hostname or ""
    hosts = _HERE if host in _HERE else (host,)
    found = {endpoint.replace(f"://{host}", f"://{each}", 1) for each in hosts}
    named = os.environ.get("XINFERENCE_ENDPOINT", "")
    with suppress(ConnectError):
        if named and normalize(named) == endpoint:
            found.add(named)
    return {spelling + end for spelling in found for end in ("", "/")}
