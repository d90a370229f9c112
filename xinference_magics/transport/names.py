"""Look up host names in threads that nobody has to wait for.

The system's resolver may take half a minute for a name, and ignores timeouts and signals in the
meantime. A thread stuck in it keeps neither an event loop nor the interpreter from ending.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from concurrent.futures import Future
from typing import Any, NamedTuple


class Address(NamedTuple):
    """An address of a host.

    Attributes:
        family: The family of a socket that connects to it.
        protocol: The protocol of such a socket.
        host: The address as text.
    """

    family: int
    protocol: int
    host: str


def is_address(host: str) -> bool:
    """Return whether `host` is an address, which needs no lookup."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def look_up(host: str, port: int, family: int = socket.AF_UNSPEC) -> Future[list[Address]]:
    """Start looking up the addresses of a host, for connections to a port there."""
    future: Future[list[Address]] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        except Exception as error:  # noqa: BLE001  # also for an invalid name
            future.set_exception(error)
        else:
            future.set_result([Address(each[0], each[2], _as_text(each[4])) for each in found])

    threading.Thread(target=run, name="xinference-names", daemon=True).start()
    return future


def _as_text(address: tuple[Any, ...]) -> str:
    """Return an address from `socket.getaddrinfo` as text, with the scope of a link-local one."""
    host, _, *more = address
    return f"{host}%{more[1]}" if more and more[1] else str(host)
