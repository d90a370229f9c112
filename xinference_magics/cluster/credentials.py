"""The local server's accounts: made at its first start, kept in one private file.

Two credentials come out of it: a login that manages the server, renewed in time, and an API
key that can only use models, for objects that leave this package's hands.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.state import read_private, write_private
from xinference_magics.errors import AuthenticationError, LocalServerError
from xinference_magics.transport.sync import open_session

if TYPE_CHECKING:
    from pathlib import Path

_USER = "xinference-magics"
_SETUP_TOKEN = re.compile(r"Setup token: (?P<token>\S+)")
_FRESH = 0.75  # of a token's life; then it is renewed


def ensure_secrets(folder: Path) -> None:
    """Make the password and keys of a server that has none yet.

    Accounts whose password is lost are of no use: their database goes.
    """
    path = folder / "secrets.json"
    names = {"password", "jwt_key", "encryption_key"}
    if names <= read_private(path).keys():
        return
    for database in folder.glob("auth.db*"):
        database.unlink()
    write_private(path, {name: secrets.token_hex(32) for name in sorted(names)})


@dataclass
class Login:
    """A login by name and password, whose token is renewed by one caller before it expires.

    Args:
        endpoint: The server.
        username: The account.
        password: Its password.
    """

    endpoint: str
    username: str
    password: str = field(repr=False)
    _token: str = field(default="", init=False, repr=False)
    _stale_at: float = field(default=0.0, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __call__(self) -> str:
        """Return a token that is good for some time yet."""
        with self._lock:
            if time.time() >= self._stale_at:
                self._renew()
            return self._token

    def _renew(self) -> None:
        with open_session(self.endpoint) as session:
            account = {"username": self.username, "password": self.password}
            self._token = session.post(f"{self.endpoint}/token", json=account).json()[
                "access_token"
            ]
        now = time.time()
        self._stale_at = now + _FRESH * (_expiry(self._token) - now)


def _expiry(token: str) -> float:
    """Return when a JWT expires, in seconds since 1970; its signature is the server's concern."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return float(claims["exp"])


def login(folder: Path, endpoint: str) -> Login:
    """Return the login of the account that `prepare` has made."""
    return Login(endpoint, _USER, str(read_private(folder / "secrets.json").get("password", "")))


def api_key(folder: Path) -> str:
    """Return the API key that `prepare` has made: it can use models and do nothing else."""
    return str(read_private(folder / "secrets.json").get("api_key", ""))


def prepare(folder: Path, endpoint: str) -> None:
    """Set up the first account where there is none, and the API key; the folder is locked.

    Raises:
        LocalServerError: The server has accounts, but not ours.
    """
    _set_up(folder, endpoint)
    if api_key(folder):
        return
    try:
        key = _create_key(endpoint, login(folder, endpoint)())
    except AuthenticationError:
        raise LocalServerError(
            "The local server does not accept the account that was made for it.",
            hint=f"%xinference stop, then remove {folder} and start it again.",
        ) from None
    write_private(folder / "secrets.json", read_private(folder / "secrets.json") | {"api_key": key})


def _set_up(folder: Path, endpoint: str) -> None:
    with open_session(endpoint) as session:
        status: dict[str, Any] = session.get(f"{endpoint}/v1/admin/setup/status").json()
        if not status.get("needs_setup"):
            return
        log = (folder / "server.log").read_text(encoding="utf-8", errors="replace")
        found = _SETUP_TOKEN.search(log)
        if not found:
            raise LocalServerError(
                "The local server waits to be set up, but its log has no setup token.",
                hint=f"Its log is {folder / 'server.log'}.",
            )
        account = {
            "setup_token": found["token"],
            "username": _USER,
            "password": read_private(folder / "secrets.json")["password"],
        }
        session.post(f"{endpoint}/v1/admin/setup", json=account)


def _create_key(endpoint: str, token: str) -> str:
    name = f"notebooks {secrets.token_hex(4)}"  # names are unique, and an old key may be lost
    with open_session(endpoint, token=lambda: token) as session:
        created = session.post(f"{endpoint}/v1/admin/keys", json={"name": name}).json()
    return str(created["key"])
