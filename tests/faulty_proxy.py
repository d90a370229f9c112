"""A TCP proxy that breaks connections in every way a network can, as a test chooses."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from contextlib import ExitStack

_TICK = 0.01
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Fault:
    """What happens to each connection from now on.

    Args:
        then: `pass` lets everything through; `close`, `reset` and `silence` strike after `after`
            bytes of responses (`silence` keeps the connection open but sends nothing more, like
            a machine that lost power); `refuse` and `full` prevent connections.
        after: The bytes of responses that pass on a connection before the fault.
        pause: Seconds between two pieces of a response.
        piece: The longest piece, in bytes.
    """

    then: Literal["pass", "close", "reset", "silence", "refuse", "full"] = "pass"
    after: int = 0
    pause: float = 0.0
    piece: int = 65536


WELL = Fault()


class FaultyProxy:
    """A proxy between a client and `target`; `fault` may be set at any time.

    Attributes:
        endpoint: The proxy's URL; its port never changes.
        open: The open client connections.
    """

    def __init__(self, target: str) -> None:
        url = urlsplit(target)
        self._target = (url.hostname or "", url.port or 80)
        self._fault = WELL
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self._waiting: list[socket.socket] = []
        self._lock = threading.Lock()
        self._ended = False
        self.open: set[socket.socket] = set()
        self.endpoint = f"http://127.0.0.1:{self._address[1]}"

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        with self._lock:
            self._take_away()
            self._fault = fault
            if fault.then == "refuse":
                self._listener.close()
            elif fault.then == "full":
                self._fill()
            elif self._listener.fileno() < 0:
                self._listener = socket.create_server(self._address)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        with self._lock:
            self._take_away()
            self._listener.close()
        for each in [*self.open]:
            _shut(each)

    def drop_all(self) -> None:
        """Reset every open connection."""
        for each in [*self.open]:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            _shut(each)

    def _fill(self) -> None:
        """Fill the backlog, so that further connections neither succeed nor fail."""
        self._listener.listen(0)
        for _ in range(4):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(self._address)
            self._waiting.append(each)

    def _take_away(self) -> None:
        if self._waiting:  # a new listener has an empty queue
            for each in self._waiting:
                each.close()
            self._waiting.clear()
            self._listener.close()

    def _accept(self) -> None:
        while not self._ended:
            with self._lock:
                client = self._next()
            if client is None:
                time.sleep(_TICK)
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _next(self) -> socket.socket | None:
        if self._listener.fileno() < 0 or self._fault.then == "full":
            return None
        if not select.select([self._listener], [], [], _TICK)[0]:
            return None
        return self._listener.accept()[0]

    def _serve(self, client: socket.socket) -> None:
        self.open.add(client)
        try:
            with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
                self._pump(client, stack)
        finally:
            self.open.discard(client)
            client.close()

    def _pump(self, client: socket.socket, stack: ExitStack) -> None:
        """Carry bytes both ways until one side disconnects or the fault strikes."""
        server = stack.enter_context(socket.create_connection(self._target))
        passed = 0
        while not self._ended:
            for source in select.select([client, server], [], [], _TICK)[0]:
                fault = self._fault
                piece = source.recv(min(fault.piece, 65536))
                if not piece:
                    return
                if source is client:
                    server.sendall(piece)
                    continue
                if fault.then != "pass" and passed + len(piece) > fault.after:
                    client.sendall(piece[: max(0, fault.after - passed)])
                    self._strike(client, fault)
                    return
                client.sendall(piece)
                passed += len(piece)
                time.sleep(fault.pause)

    def _strike(self, client: socket.socket, fault: Fault) -> None:
        if fault.then == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        while fault.then == "silence" and not self._ended:
            if select.select([client], [], [], _TICK)[0] and not client.recv(65536):
                return  # the client has given up


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
