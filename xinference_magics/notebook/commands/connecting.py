"""Where the notebook is connected: connect, serve, stop, status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xinference_magics.notebook.command_line.option import API_KEY, NoOptions, Option, given
from xinference_magics.notebook.command_line.readers import port
from xinference_magics.notebook.commands.command import Command
from xinference_magics.notebook.results.rows import done

if TYPE_CHECKING:
    from xinference_magics.notebook.results.connection import Connection
    from xinference_magics.notebook.results.rows import Done
    from xinference_magics.notebook.session.session import Session


@dataclass(frozen=True, kw_only=True)
class ConnectOptions:
    """The options of ``%xinference connect``."""

    endpoint: str | None = given(
        Option(
            ("endpoint", "--endpoint", "-e"),
            help="URL of the server (default: as configured, or found on this machine).",
        )
    )
    api_key: None = given(API_KEY)


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The options of ``%xinference serve``."""

    port: int | None = given(
        Option(
            ("--port",),
            help="Port to listen on (default: its last one, or a free one).",
            type=port,
        )
    )
    keep: bool | None = given(
        Option(("--keep",), help="Keep it running after the last notebook is closed.", words=0)
    )


def connect(session: Session, options: ConnectOptions) -> Connection:
    """Connect to an endpoint and print what is running there."""
    session.connector.connect(options.endpoint)
    return told(session)


def serve(session: Session, options: ServeOptions) -> Connection:
    """Start the private local server, or join the one already running."""
    session.connector.serve(port=options.port, keep=bool(options.keep))
    return told(session)


def told(session: Session) -> Connection:
    """Print and return the connection the notebook has just made."""
    connection = session.connection(known=True)
    session.say(repr(connection))
    return connection


def stop(session: Session, _options: NoOptions) -> Done:
    """Stop the private local server."""
    session.connector.stop_local()
    return done(session, "Stopped the local server.", "the local server")


def status(session: Session, _options: NoOptions) -> Connection:
    """Describe where the notebook is connected and what is in use."""
    return session.connection()


COMMANDS = (
    Command(
        "connect",
        "Connect to a server.",
        connect,
        ConnectOptions,
        ("%xinference connect http://gpu-server:9997",),
        acts=True,
    ),
    Command(
        "serve",
        "Start a private Xinference on this machine, or join the one already running.",
        serve,
        ServeOptions,
        ("%xinference serve", "%xinference serve --port 9997 --keep"),
        acts=True,
    ),
    Command(
        "stop",
        "Stop the private Xinference of this machine.",
        stop,
        NoOptions,
        ("%xinference stop",),
        acts=True,
    ),
    Command(
        "status",
        "Show where this notebook is connected and what is running.",
        status,
        NoOptions,
        ("connection = %xinference status", "%xinference status"),
    ),
)
