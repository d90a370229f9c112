"""The accounts of a server: whether it has any yet, and how to create the first."""

from __future__ import annotations

from requests import JSONDecodeError

from xinference_magics.errors import (
    BadRequestError,
    NotebookError,
    NotOfferedError,
    PermissionDeniedError,
)
from xinference_magics.json_fields import Json, mapping, number
from xinference_magics.remedies import Remedy
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts
from xinference_magics.transport.sync import open_session

_MIN_PASSWORD_CHARS = 8  # characters; a server's XINFERENCE_PASSWORD_MIN_LENGTH changes it


def needs_setup(endpoint: str, timeouts: Timeouts = MANAGEMENT) -> bool:
    """Return whether a server with authentication enabled is waiting for its first account.

    Raises:
        ConnectError: Nothing answers there.
    """
    return bool(_setup_status(endpoint, timeouts).get("needs_setup"))


def shortest_password(endpoint: str, timeouts: Timeouts = MANAGEMENT) -> int:
    """Return the minimum length of a password there; 8 if the server does not specify it."""
    told = _setup_status(endpoint, timeouts).get("password_min_length")
    return number(told) or _MIN_PASSWORD_CHARS


def _setup_status(endpoint: str, timeouts: Timeouts) -> Json:
    with open_session(endpoint, timeouts=timeouts) as session:
        try:
            said = session.get(f"{endpoint}/v1/admin/setup/status").json()
        except (JSONDecodeError, NotOfferedError):  # before 3.0, accounts came from a file
            return {}
    return mapping(said)


def wants_setup_token(endpoint: str, timeouts: Timeouts = MANAGEMENT) -> bool:
    """Return whether the first account requires a token that the server printed (4.1 or newer).

    This requests an account without a name, which no server creates.
    """
    with open_session(endpoint, timeouts=timeouts) as session:
        try:
            session.post(f"{endpoint}/v1/admin/setup", json={"username": "", "password": ""})
        except BadRequestError:
            return False
        except PermissionDeniedError:
            return True
    return True


def set_up(
    endpoint: str,
    setup_token: str,
    username: str,
    password: str,
    timeouts: Timeouts = MANAGEMENT,
) -> None:
    """Create the first account of a server, its administrator.

    Args:
        endpoint: A normalized endpoint.
        setup_token: The token that the server printed at its first start; empty if it printed none.
        username: The account's name.
        password: The account's password, of `shortest_password` characters or more.
        timeouts: Limits in seconds.

    Raises:
        NotebookError: The token is wrong, or the server is already set up.
        BadRequestError: The server rejects the name or the password.
    """
    account = {"setup_token": setup_token, "username": username, "password": password}
    with open_session(endpoint, timeouts=timeouts) as session:
        try:
            session.post(f"{endpoint}/v1/admin/setup", json=account)
        except PermissionDeniedError as error:
            raise _refused(endpoint, error.detail) from None
        except BadRequestError as error:
            raise BadRequestError(f"{endpoint} could not be set up: {error.detail}.") from None


def _refused(endpoint: str, detail: str) -> NotebookError:
    if "already" in detail:
        return NotebookError(f"{endpoint} is already set up.", hint=Remedy.LOG_IN_AFTER_SETUP())
    return NotebookError(
        f"{endpoint} was not set up: wrong setup token.",
        hint="Look for 'Setup token:' in the server's log.",
    )
