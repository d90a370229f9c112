"""A server that replays recorded responses over a network as faulty as a test needs.

with ScriptedServer(Stream(recorded.LLAMA_TEXT), Reply(503, {"detail": "..."})) as server:
    ...  # the first POST gets the first script; the last script repeats forever
server.requests   the requests, in order
server.aborted    the ids of aborted requests, as they arrive
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self


@dataclass(frozen=True)
class Reply:
    """A complete response.

    Args:
        status: The HTTP status.
        body: JSON, or text to send as is.
        headers: Sent in addition to the content type.
        delay: Seconds to wait before sending.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0

    def play(self, handler: _Handler) -> None:
        time.sleep(self.delay)
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        kind = "text/plain" if isinstance(self.body, str) else "application/json"
        data = text.encode()
        handler.send_response(self.status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(data)),
            **self.headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)


@dataclass(frozen=True)
class Stream:
    """An event stream.

    Args:
        chunks: What to send, each as one event; bytes are sent as is.
        delay: Seconds before each chunk.
        done: Whether to send ``[DONE]``.
        end: How it ends: properly, with a reset, in the middle of a line, or never.
        split: Cut the bytes into pieces of this size, one packet each; 0 for whole events.
    """

    chunks: Iterable[Any]
    delay: float = 0.0
    done: bool = True
    end: Literal["close", "reset", "torn", "never"] = "close"
    split: int = 0

    def play(self, handler: _Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for chunk in self.chunks:
            if handler.left_within(self.delay):
                return
            self._send(handler, chunk if isinstance(chunk, bytes) else _event(chunk))
        self._finish(handler)

    def _finish(self, handler: _Handler) -> None:
        if self.end == "never":
            handler.left_within(3600)
        elif self.end == "reset":
            handler.reset()
        elif self.end == "torn":
            self._send(handler, b'data: {"choices": [{"del')
            handler.close_connection = True
        else:
            if self.done:
                self._send(handler, b"data: [DONE]\r\n\r\n")
            handler.wfile.write(b"0\r\n\r\n")

    def _send(self, handler: _Handler, data: bytes) -> None:
        size = self.split or len(data)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


def _event(chunk: Any) -> bytes:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n".encode()


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    path: str
    headers: Mapping[str, str]
    body: Any
    connection: int


class ScriptedServer:
    """Answer each POST with the next script; the last one is repeated."""

    def __init__(self, *scripts: Reply | Stream) -> None:
        self.scripts = list(scripts)
        self.requests: list[Request] = []
        self.aborted: Queue[str] = Queue()
        self.left: Queue[float] = Queue()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.script = self
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the chat requests."""
        return [each.body for each in self.requests if each.path.endswith("/completions")]

    def next_script(self) -> Reply | Stream:
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.ending.set()
        self._http.shutdown()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # many clients connect at once
    script: ScriptedServer

    def __init__(self, *args: Any) -> None:
        self.ending = threading.Event()
        super().__init__(*args)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: tests disconnect on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_POST(self) -> None:
        script = self.server.script
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        script.requests.append(Request(self.path, dict(self.headers), body, self.client_address[1]))
        if self.path.endswith("/abort"):
            script.aborted.put(self.path.split("/")[-2])
            Reply(200, {"msg": "DONE"}).play(self)
        else:
            script.next_script().play(self)

    def left_within(self, seconds: float) -> bool:
        """Wait, and return whether the client disconnected meanwhile."""
        until = time.monotonic() + seconds
        while not self.server.ending.is_set():
            wait = max(0.0, min(0.02, until - time.monotonic()))
            if select.select([self.connection], [], [], wait)[0]:
                self.server.script.left.put(time.monotonic())
                self.close_connection = True
                return True
            if time.monotonic() >= until:
                return False
        return True

    def reset(self) -> None:
        """Drop the connection so that the client sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Stay silent."""
