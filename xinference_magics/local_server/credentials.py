"""The local server's accounts: made at its first start, kept in one private file.

Two credentials come out of it: a login that manages the server, renewed in time, and an API
key that can only use models, for objects that leave this package's hands.
"""

from __future__ import annotations

import logging
import re
import secrets
from typing import TYPE_CHECKING

from xinference_magics.auth.login import Login, Tokens, sign_in
from xinference_magics.auth.setup import needs_setup, set_up
from xinference_magics.errors import AuthenticationError, LocalServerError
from xinference_magics.files import read_private, write_private
from xinference_magics.remedies import Remedy
from xinference_magics.transport.events import EventError, whole
from xinference_magics.transport.sync import open_session
from xinference_magics.transport.unreachable import no_xinference
from xinference_magics.wire.shapes import MalformedError, text_in

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_USER = "xinference-magics"
_SETUP_TOKEN = re.compile(r"Setup token: (?P<token>\S+)")


def ensure_secrets(folder: Path) -> None:
    """Make the password and keys of a server that has none yet.

    Accounts whose password is lost are of no use: their database goes, and the login with it.
    """
    path = folder / "secrets.json"
    names = {"password", "jwt_key", "encryption_key"}
    if names <= read_private(path).keys():
        return
    for lost in (*folder.glob("auth.db*"), *folder.glob("login.json")):
        lost.unlink()
    write_private(path, {name: secrets.token_hex(32) for name in sorted(names)})


def login(folder: Path, endpoint: str) -> Login:
    """Return the login of the account that `prepare` has made."""
    return Login(endpoint, folder / "login.json", lambda: _sign_in(folder, endpoint))


def _sign_in(folder: Path, endpoint: str) -> Tokens:
    return sign_in(endpoint, _USER, str(read_private(folder / "secrets.json").get("password", "")))


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
        key = _create_key(endpoint, _sign_in(folder, endpoint).access)
    except AuthenticationError:
        _log.debug("The local server's account was refused", exc_info=True)
        raise LocalServerError(
            "The local server rejects the account that was created for it.",
            hint=Remedy.START_AFRESH(folder=folder),
        ) from None
    write_private(folder / "secrets.json", read_private(folder / "secrets.json") | {"api_key": key})


def _set_up(folder: Path, endpoint: str) -> None:
    if not needs_setup(endpoint):
        return
    log = (folder / "server.log").read_text(encoding="utf-8", errors="replace")
    found = _SETUP_TOKEN.search(log)
    if not found:
        raise LocalServerError(
            "The local server is waiting to be set up, but its log has no setup token.",
            hint=f"Its log is {folder / 'server.log'}.",
        )
    set_up(endpoint, found["token"], _USER, read_private(folder / "secrets.json")["password"])


def _create_key(endpoint: str, token: str) -> str:
    name = f"notebooks {secrets.token_hex(4)}"  # names are unique, and an old key may be lost
    with open_session(endpoint, token=lambda: token) as session:
        created = session.post(f"{endpoint}/v1/admin/keys", json={"name": name})
    try:
        return text_in(whole(created.content), "key")
    except (EventError, MalformedError):
        _log.debug("The answer holds no key", exc_info=True)
        raise no_xinference(endpoint) from None
