"""Account commands: login, logout, setup. Secrets are prompted for, never passed as options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xinference_magics.errors import NotebookError, XinferenceError
from xinference_magics.notebook.command_line.option import Option, given
from xinference_magics.notebook.command_line.questions import answered, answered_secretly
from xinference_magics.notebook.commands.command import Command
from xinference_magics.notebook.commands.connecting import told
from xinference_magics.notebook.results.rows import done
from xinference_magics.notebook.session.connector import require_account

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.auth.login import Tokens
    from xinference_magics.notebook.results.connection import Connection
    from xinference_magics.notebook.results.rows import Done
    from xinference_magics.notebook.session.session import Session

_ELSEWHERE = "Log in from a notebook first, and the login is kept; or set XINFERENCE_API_KEY."


_WHERE = Option(
    ("endpoint", "--endpoint", "-e"),
    help="URL of the server (default: the one in use or configured).",
)
_USERNAME = Option(("--username",), help="User name (prompted for if omitted).")
_PASSWORD = Option(
    ("--password",),
    help="Not accepted here; you are prompted for it.",
    safe_way="you are prompted for it",
)


@dataclass(frozen=True, kw_only=True)
class LoginOptions:
    """The options of ``%xinference login``."""

    endpoint: str | None = given(_WHERE)
    username: str | None = given(_USERNAME)
    password: bool | None = given(_PASSWORD)
    api_key: bool | None = given(
        Option(
            ("--api-key", "-ak"),
            help="Ask you for an API key instead of a name and password; never type it here.",
            safe_way="the flag alone asks for it",
        )
    )


@dataclass(frozen=True, kw_only=True)
class LogoutOptions:
    """The options of ``%xinference logout``."""

    endpoint: str | None = given(_WHERE)


@dataclass(frozen=True, kw_only=True)
class SetupOptions:
    """The options of ``%xinference setup``."""

    endpoint: str | None = given(_WHERE)
    username: str | None = given(_USERNAME)
    password: bool | None = given(_PASSWORD)


def login(session: Session, options: LoginOptions) -> Connection | Done:
    """Log in to a server, and save the login for all notebooks of this user.

    Raises:
        AuthenticationError: The name, password or key is wrong, or the server has no account yet.
        NotebookError: The notebook cannot prompt for input.
    """
    from xinference_magics.auth.login import Login

    endpoint = session.connector.resolve(options.endpoint)
    if needless := _needless(session, endpoint):
        return done(session, needless, endpoint)
    _without_trace(lambda: Login(endpoint).keep(_tokens(session, endpoint, options)))
    return _admit(session, endpoint)


def _tokens(session: Session, endpoint: str, options: LoginOptions) -> Tokens:
    from xinference_magics.auth.login import Tokens, sign_in
    from xinference_magics.cluster.connection import Cluster

    if not options.api_key:
        username = options.username or _asked(f"User name at {endpoint}: ")
        password = _asked_secretly(f"Password of {username}: ")
        return sign_in(endpoint, username, password, session.connector.timeouts)
    tokens = Tokens.of_key(_asked_secretly(f"API key of {endpoint}: "))
    cluster = Cluster(endpoint, token=lambda: tokens.access, timeouts=session.connector.timeouts)
    try:
        cluster.models()  # fails if the key is invalid
    finally:
        cluster.close()
    return tokens


def _needless(session: Session, endpoint: str) -> str:
    """Say why no login is needed; empty if one is.

    Raises:
        AuthenticationError: The server has no account yet.
    """
    from xinference_magics.cluster.connection import Cluster

    if session.connector.is_private(endpoint):
        return f"{endpoint} is this machine's private server: you are logged in automatically."
    cluster = Cluster(endpoint, timeouts=session.connector.timeouts)
    open_to_all = not cluster.requires_auth()
    cluster.close()
    if open_to_all:
        return f"{endpoint} requires no login."
    require_account(endpoint, session.connector.timeouts)
    return ""


def _admit(session: Session, endpoint: str) -> Connection | Done:
    if session.connector.connect_unless_elsewhere(endpoint):
        return told(session)
    kept = f"The login is saved; use it with %xinference connect {endpoint}."
    return done(session, kept, endpoint)


def logout(session: Session, options: LogoutOptions) -> Done:
    """End a login, on the server and in all notebooks of this user.

    Raises:
        NotebookError: No login is saved.
    """
    from xinference_magics.auth.identity import Identity

    identity = Identity(session.connector.resolve(options.endpoint))
    if session.connector.is_private(identity.endpoint) or not identity.login.end(
        session.connector.timeouts
    ):
        raise NotebookError(
            f"No login at {identity.endpoint} is saved here.",
            hint="%xinference status shows where the notebook is connected.",
        )
    left = f" Still in effect: {identity.said}." if identity.said else ""
    return done(session, f"Logged out of {identity.endpoint}.{left}", identity.endpoint)


def setup(session: Session, options: SetupOptions) -> Connection | Done:
    """Create the first account on a new server, and log in with it.

    Raises:
        NotebookError: The server already has accounts, the setup token is wrong, or the two
            passwords differ.
        BadRequestError: The server rejects the name or the password.
    """
    from xinference_magics.auth.setup import needs_setup, wants_setup_token

    endpoint = session.connector.resolve(options.endpoint)
    if not needs_setup(endpoint, session.connector.timeouts):
        raise NotebookError(
            f"{endpoint} is already set up.", hint=f"%xinference login {endpoint} logs in."
        )
    printed = wants_setup_token(endpoint, session.connector.timeouts)
    if printed:
        said = "printed a line 'Setup token: ...' to its log when it first started."
        session.say(f"{endpoint} {said}")
    _without_trace(lambda: _make_account(session, endpoint, options.username, printed=printed))
    return _admit(session, endpoint)


def _make_account(session: Session, endpoint: str, username: str | None, *, printed: bool) -> None:
    from xinference_magics.auth.login import Login, sign_in
    from xinference_magics.auth.setup import set_up

    setup_token = _asked_secretly("Setup token: ").strip() if printed else ""
    username = username or _asked("Name of the new user: ")
    password = _new_password(session, endpoint, username)
    set_up(endpoint, setup_token, username, password, session.connector.timeouts)
    Login(endpoint).keep(sign_in(endpoint, username, password, session.connector.timeouts))


def _new_password(session: Session, endpoint: str, username: str) -> str:
    """Ask for a password until it is long enough, then ask to repeat it."""
    from xinference_magics.auth.setup import shortest_password

    shortest = shortest_password(endpoint, session.connector.timeouts)
    password = _asked_secretly(f"New password of {username} ({shortest} characters or more): ")
    while len(password) < shortest:
        password = _asked_secretly(f"That was too short; {shortest} characters or more: ")
    if password != _asked_secretly("Repeat the password: "):
        raise NotebookError(
            "The two passwords differ; no account was created.", hint="Run the cell again."
        )
    return password


def _asked(question: str) -> str:
    return _not_empty(answered(question, otherwise=_ELSEWHERE)).strip()


def _asked_secretly(question: str) -> str:
    return _not_empty(answered_secretly(question, otherwise=_ELSEWHERE))


def _not_empty(answer: str) -> str:
    if not answer.strip():
        raise NotebookError("Nothing was entered, so nothing was done.", hint="Run the cell again.")
    return answer


def _without_trace(ask: Callable[[], None]) -> None:
    """Strip errors of the frames and exceptions below them, which hold what the user entered."""
    try:
        ask()
    except (XinferenceError, KeyboardInterrupt) as error:
        bare = error.with_traceback(None)
        bare.__context__ = None
        raise bare from None


COMMANDS = (
    Command(
        "login",
        "Log in to a server; prompts for the password; the login is kept for hours.",
        login,
        LoginOptions,
        ("%xinference login http://gpu-server:9997", "%xinference login --api-key"),
        acts=True,
    ),
    Command(
        "logout",
        "Log out of a server, and forget its login.",
        logout,
        LogoutOptions,
        ("%xinference logout",),
        acts=True,
    ),
    Command(
        "setup",
        "Create the first account on a new server; you are asked for its setup token.",
        setup,
        SetupOptions,
        ("%xinference setup http://gpu-server:9997",),
        acts=True,
    ),
)
