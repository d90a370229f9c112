"""A TCP proxy between a client and a real server that slows down or cuts off responses."""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

PIECE = 256


@contextmanager
def throttled(endpoint, *, bytes_per_second=None, cut_after=None):
    """Run a proxy to `endpoint`, and yield its URL. Requests pass unchanged.

    Args:
        endpoint: The server's URL.
        bytes_per_second: The speed limit for responses; None for no limit.
        cut_after: Bytes of response after which a connection is closed; None for never.
    """
    target = urlsplit(endpoint)
    clients = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(
            target=_accept,
            args=(listener, clients, (target.hostname, target.port), (bytes_per_second, cut_after)),
            daemon=True,
        )
        accepting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join(5)
    for client in clients:
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _accept(listener, clients, target, limits):
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            clients.append(client)
            server = socket.create_connection(target)
            for source, sink, limit in (
                (client, server, (None, None)),
                (server, client, limits),
            ):
                threading.Thread(target=_pump, args=(source, sink, *limit), daemon=True).start()


def _pump(source, sink, bytes_per_second, cut_after):
    """Copy until one side closes or the limit is reached, then close both."""
    passed = 0
    with suppress(OSError):
        while piece := source.recv(PIECE):
            sink.sendall(piece)
            passed += len(piece)
            if cut_after and passed > cut_after:
                break
            if bytes_per_second:
                time.sleep(len(piece) / bytes_per_second)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
