"""A TCP proxy that lets a server's answers through slowly, so that a person has time to click."""

import socket
import threading
import time
from contextlib import contextmanager

PIECE = 256


@contextmanager
def throttled(host, port, *, bytes_per_second):
    """Run a proxy to `host`:`port`; yields its URL. Requests pass at full speed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(
            target=_accept, args=(listener, (host, port), bytes_per_second), daemon=True
        )
        accepting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join(5)


def _accept(listener, target, bytes_per_second):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection(target)
        for source, sink, rate in ((client, server, None), (server, client, bytes_per_second)):
            threading.Thread(target=_pump, args=(source, sink, rate), daemon=True).start()


def _pump(source, sink, bytes_per_second):
    """Copy until one side is closed, then close both."""
    try:
        while piece := source.recv(PIECE):
            sink.sendall(piece)
            if bytes_per_second:
                time.sleep(len(piece) / bytes_per_second)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            end.close()
