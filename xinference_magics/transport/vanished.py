"""Detect that the other end of a connection vanished silently: a lost network, a machine gone.

A model may be silent for minutes before it answers, so silence alone means nothing. The system's
keepalive probes detect it, and keep devices in between from forgetting an idle connection.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS_UNTIL, _SECONDS_BETWEEN, _UNANSWERED = 30, 10, 6
_OPTIONS = {
    "TCP_KEEPIDLE": _SECONDS_UNTIL,
    "TCP_KEEPALIVE": _SECONDS_UNTIL,  # its name on macOS
    "TCP_KEEPINTVL": _SECONDS_BETWEEN,
    "TCP_KEEPCNT": _UNANSWERED,
    "TCP_USER_TIMEOUT": 90_000,  # milliseconds that sent data may stay unacknowledged
}


def probes() -> list[tuple[int, int, int]]:
    """Return the socket options (level, name, value) that end a dead connection in 90 s."""
    known = {name: value for name, value in _OPTIONS.items() if hasattr(socket, name)}
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in known.items()),
    ]


def open_probed(address: tuple[int, int, int, str, object]) -> socket.socket:
    """Open a socket for an address from `socket.getaddrinfo`, with the options from `probes`."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    for option in probes():
        opened.setsockopt(*option)
    return opened


def end_all(sockets: Iterable[socket.socket]) -> None:
    """Shut down connections both ways, so that their readers and writers notice at once."""
    for each in sockets:
        with suppress(OSError):  # it is closed already, or was never connected
            each.shutdown(socket.SHUT_RDWR)
