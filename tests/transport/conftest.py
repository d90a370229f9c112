"""A server that answers byte by byte as a test specifies: recorded shapes, resets, silence."""

import socket
import struct
import threading
from contextlib import suppress

import pytest


class Script:
    """Answer one request after another, over however many connections they arrive."""

    RESET = object()  # cut the connection without a byte
    SILENCE = object()  # take the request, never answer

    @staticmethod
    def answer(status=200, body=b"{}", kind="application/json", *headers):
        """Return an HTTP response as it goes over the wire."""
        sized = f"content-length: {len(body)}"
        head = [f"HTTP/1.1 {status} X", f"content-type: {kind}", sized, "connection: close"]
        return "\r\n".join([*head, *headers, "", ""]).encode() + body

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._steps = []
        self._open = []
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = []  # (number of the connection, bytes of the request)
        threading.Thread(target=self._accept, daemon=True).start()

    def plays(self, *steps):
        self._steps = list(steps)
        return self.endpoint

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone leaves `accept` waiting
        for each in [self._listener, *self._open]:
            each.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            number = len(self._open)
            threading.Thread(target=self._talk, args=(connection, number), daemon=True).start()

    def _talk(self, connection, number):
        try:
            while request := _read_request(connection):
                self.requests.append((number, request))
                step = self._steps.pop(0)
                if step is self.RESET:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    connection.close()
                    return
                if step is not self.SILENCE:
                    connection.sendall(step)
        except OSError:
            pass


def _read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def script():
    made = Script()
    yield made
    made.close()


@pytest.fixture
def full_backlog():
    """An endpoint that neither accepts nor refuses connections: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
            waiting.append(each)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for each in waiting:
            each.close()
