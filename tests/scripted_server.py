"""The one scripted server of the tests; its responses are as faulty as a test needs.

with ScriptedServer(Stream(recorded.LLAMA_TEXT), Reply(503, {"detail": "..."})) as server:
    ...  # the first POST gets the first script; the last script repeats forever
server["/v1/models/u"] = Reply(200, {...})                       for one path
server["DELETE /v1/models/u"] = [(503, {...}), (200, {...})]     for one method, in order
server["*"] = Raw(b"SSH-2.0-OpenSSH\r\n")                       for everything else
server.requests, server.paths, server.bodies   what was asked
server.aborted    the ids of aborted requests, as they arrive

A subclass that computes its answers overrides `script_for`.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self


@dataclass(frozen=True)
class Reply:
    """A complete response.

    Args:
        status: The HTTP status.
        body: JSON, or text or bytes to send as they are.
        headers: Sent in addition to the content type.
        delay: Seconds to wait before sending.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0

    def play(self, handler: _Handler) -> None:
        if self.delay and handler.left_within(self.delay):
            return
        is_raw = isinstance(self.body, str | bytes)
        text = self.body if is_raw else json.dumps(self.body)
        kind = "text/plain" if is_raw else "application/json"
        data = text if isinstance(text, bytes) else text.encode()
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
class Raw:
    """Bytes instead of an HTTP response, after which the connection ends.

    Args:
        data: What to send.
        end: Whether the connection is closed, reset, or kept open without another byte.
    """

    data: bytes = b""
    end: Literal["close", "reset", "never"] = "close"

    def play(self, handler: _Handler) -> None:
        handler.wfile.write(self.data)
        handler.close_connection = True
        if self.end == "never":
            handler.left_within(3600)
        elif self.end == "reset":
            handler.reset()


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


Script = Reply | Raw | Stream


@dataclass(frozen=True)
class Request:
    """What a client sent.

    Args:
        method: The HTTP method.
        url: The URL as it was sent; a proxy gets it with its host.
        headers: By name.
        body: The parsed JSON.
        connection: The client's port, which tells connections apart.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any
    connection: int

    @property
    def path(self) -> str:
        """The path without its query, unquoted."""
        return unquote(urlsplit(self.url).path)


class ScriptedServer:
    """Answer each request with the next script for its path; the last one is repeated.

    Attributes:
        scripts: The scripts for each POST whose path has none of its own.
        gate: While it is clear, no request is answered.
        left: The times at which clients disconnected in the middle of an answer.
    """

    def __init__(self, *scripts: Script, port: int = 0) -> None:
        self.scripts = list(scripts)
        self._own_scripts: dict[str, list[Script]] = {}
        self.requests: list[Request] = []
        self.aborted: Queue[str] = Queue()
        self.left: Queue[float] = Queue()
        self.gate = threading.Event()
        self.gate.set()
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.script = self
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __setitem__(self, path: str, scripts: Script | Iterable[Script | tuple[int, Any]]) -> None:
        several = [scripts] if isinstance(scripts, Script) else scripts
        self._own_scripts[path] = [
            Reply(*each) if isinstance(each, tuple) else each for each in several
        ]

    @property
    def now(self) -> float:
        """The time by the server's clock."""
        return time.time()

    @property
    def paths(self) -> list[str]:
        """The requested paths."""
        return [each.path for each in self.requests]

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests that have one, except for those that abort another."""
        return [
            each.body
            for each in self.requests
            if each.body is not None and not each.path.endswith("/abort")
        ]

    def script_for(self, request: Request) -> Script:
        path = request.path
        own = self._own_scripts
        scripts = own.get(f"{request.method} {path}") or own.get(path)
        if not scripts and path.endswith("/abort"):
            self.aborted.put(path.split("/")[-2])
            return Reply(body={"msg": "DONE"})
        scripts = scripts or (request.method == "POST" and self.scripts) or own.get("*")
        if not scripts:
            return Reply(404, {"detail": "Not Found"})
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._http.ending.set()
        self.refuse()

    def refuse(self) -> None:
        """Accept no more connections."""
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

    def _answer(self) -> None:
        server = self.server.script
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        headers, port = dict(self.headers), self.client_address[1]
        request = Request(self.command, self.path, headers, body, port)
        server.requests.append(request)
        script = server.script_for(request)
        server.gate.wait(60)
        script.play(self)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # http.server's names

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

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.script.now, usegmt=True)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""
