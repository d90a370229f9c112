"""The local server's accounts: created at its first start, stored in one private file.

They provide two credentials: a login that can manage the server and is renewed in time, and an
API key that can only use models, for objects handed to code outside this package.
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
    """Create the password and keys of a server that has none yet.

    Accounts whose password is lost are useless, so their database and login are deleted.
    """
    path = folder / "secrets.json"
    names = {"password", "jwt_key", "encryption_key"}
    if names <= read_private(path).keys():
        return
    for lost in (*folder.glob("auth.db*"), *folder.glob("login.json")):
        lost.unlink()
    write_private(path, {name: secrets.token_hex(32) for name in sorted(names)})


def login(folder: Path, endpoint: str) -> Login:
    """Return the login of the account that `prepare` created."""
    return Login(endpoint, folder / "login.json", lambda: _sign_in(folder, endpoint))


def _sign_in(folder: Path, endpoint: str) -> Tokens:
    return sign_in(endpoint, _USER, str(read_private(folder / "secrets.json").get("password", "")))


def api_key(folder: Path) -> str:
    """Return the API key that `prepare` created; it can use models and do nothing else."""
    return str(read_private(folder / "secrets.json").get("api_key", ""))


def prepare(folder: Path, endpoint: str) -> None:
    """Create the first account and the API key if missing; the caller holds the folder's lock.

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
    name = f"notebooks {secrets.token_hex(4)}"  # a lost key keeps its name, which must be unique
    with open_session(endpoint, token=lambda: token) as session:
        created = session.post(f"{endpoint}/v1/admin/keys", json={"name": name})
    try:
        return text_in(whole(created.content), "key")
    except (EventError, MalformedError):
        _log.debug("The answer holds no key", exc_info=True)
        raise no_xinference(endpoint) from None
