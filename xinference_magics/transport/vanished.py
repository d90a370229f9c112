"""The other end of a connection that vanished without a word: a lost network, a machine gone.

A model may be silent for minutes before it answers, so silence alone tells nothing. The system's
probes tell, and what stands between does not forget a connection on which they go by.
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
    "TCP_USER_TIMEOUT": 90_000,  # milliseconds: of what was sent, and nobody says it has come
}


def probes() -> list[tuple[int, int, int]]:
    """Return the socket options (level, name, value) that end a connection to nobody in 90 s."""
    known = {name: value for name, value in _OPTIONS.items() if hasattr(socket, name)}
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in known.items()),
    ]


def open_probed(address: tuple[int, int, int, str, object]) -> socket.socket:
    """Open a socket for an address of `socket.getaddrinfo`, with those options."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    for option in probes():
        opened.setsockopt(*option)
    return opened


def end_all(sockets: Iterable[socket.socket]) -> None:
    """End connections both ways: whoever reads from them or writes to them learns it at once."""
    for each in sockets:
        with suppress(OSError):  # it is closed, or was never connected
            each.shutdown(socket.SHUT_RDWR)
