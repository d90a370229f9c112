"""Where the notebook is connected: connect, serve, stop, status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.notebook.arguments import Option
from xinference_magics.notebook.commands.command import Command
from xinference_magics.notebook.options import API_KEY
from xinference_magics.notebook.readers import port
from xinference_magics.notebook.results.done import done

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from xinference_magics.notebook.results.connection import Connection
    from xinference_magics.notebook.results.done import Done
    from xinference_magics.notebook.session import Session


def connect(session: Session, arguments: Arguments) -> Connection:
    """Connect to an endpoint and say what runs there."""
    session.connect(arguments.endpoint)
    return told(session)


def serve(session: Session, arguments: Arguments) -> Connection:
    """Start the private local server, or join the one that runs."""
    session.serve(port=arguments.port, keep=bool(arguments.keep))
    return told(session)


def told(session: Session) -> Connection:
    """Say where the notebook has just been connected."""
    connection = session.connection(known=True)
    session.say(repr(connection))
    return connection


def stop(session: Session, _arguments: Arguments) -> Done:
    """Stop the private local server."""
    session.stop_local()
    return done(session, "Stopped the local server.", "the local server")


def status(session: Session, _arguments: Arguments) -> Connection:
    """Describe where the notebook is connected and what is in use."""
    return session.connection()


COMMANDS = (
    Command(
        "connect",
        "Connect to a server.",
        connect,
        (
            Option(
                ("endpoint", "--endpoint", "-e"),
                "URL of the server (default: as configured, or found on this machine).",
            ),
            API_KEY,
        ),
        ("%xinference connect http://gpu-server:9997",),
        acts=True,
    ),
    Command(
        "serve",
        "Start a private Xinference on this machine, or join the one already running.",
        serve,
        (
            Option(
                ("--port",), "Port to listen on (default: its last one, or a free one).", type=port
            ),
            Option(("--keep",), "Keep it running after the last notebook is closed.", words=0),
        ),
        ("%xinference serve", "%xinference serve --port 9997 --keep"),
        acts=True,
    ),
    Command(
        "stop",
        "Stop the private Xinference of this machine.",
        stop,
        (),
        ("%xinference stop",),
        acts=True,
    ),
    Command(
        "status",
        "Show where this notebook is connected and what is running.",
        status,
        (),
        ("connection = %xinference status", "%xinference status"),
    ),
)
