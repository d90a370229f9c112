"""A scripted server that streams long answers in both engines' formats, as fast as they are read.

    python benchmarks/streaming_server.py

It prints its port. A model's UID determines what it answers: `llama-20000` streams 20,000 tokens
in llama.cpp's format as fast as they are read, `transformers-2000-200` 2,000 tokens at 200 a
second, `llama-2000-200-1000` waits 1,000 ms between the last token and the end, and `reply-200`
answers in one piece after 200 ms. ``GET /log`` reports when each answer was requested, when its
first and last token were sent, and when its reader disconnected, in seconds since 1970.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import recorded

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
_AT_ONCE = 50  # events in one write of an answer that is sent as fast as it is read
_ENDING = 3  # events after the last token: finish, usage, [DONE]
_SHAPES = {"transformers": recorded.transformers, "llama": recorded.llama}

PROSE = (
    "The capital of France is **Paris**. You might visit the Louvre, walk along the Seine and "
    "climb the hill of Montmartre; each of them is worth a morning.\n\n"
    "1. In the *Louvre*, go up to the second floor first: it is empty before noon.\n"
    "2. Along the Seine there are `booksellers`, and benches in the shade.\n"
    "3. On the hill, turn left at the top. The view is the same, the crowd is not.\n\n"
)
"""The text of the answers, repeated: 5.6 characters a token, which is usual."""


@cache
def _words() -> tuple[str, ...]:
    words = PROSE.split(" ")
    return (*(f"{word} " for word in words[:-1]), words[-1])


def tokens(count: int) -> list[str]:
    """Return the first `count` tokens of an endless answer."""
    return list(islice(cycle(_words()), count))


@dataclass(frozen=True)
class Script:
    """The meaning of a UID.

    Attributes:
        shape: `llama`, `transformers` or `reply`.
        count: Tokens; for a reply, the milliseconds before it.
        rate: Tokens a second; 0 for as fast as they are read.
        hold: Milliseconds between the last token and the end.
    """

    shape: str
    count: int
    rate: int = 0
    hold: int = 0

    @classmethod
    def of(cls, uid: str) -> Script:
        """Parse a UID."""
        shape, *numbers = uid.split("-")
        return cls(shape, *map(int, numbers))


@cache
def _events(shape: str, count: int) -> tuple[bytes, ...]:
    """Return the answer event by event, each in its own HTTP chunk, as Xinference sends them."""
    sent = [recorded.events(each, done=False) for each in _SHAPES[shape](*tokens(count))]
    sent.append(b"data: [DONE]\r\n\r\n")
    return tuple(b"%x\r\n%s\r\n" % (len(event), event) for event in sent)


@cache
def _packets(shape: str, count: int) -> tuple[bytes, ...]:
    events = _events(shape, count)
    return tuple(b"".join(events[at : at + _AT_ONCE]) for at in range(0, len(events), _AT_ONCE))


@dataclass
class Answer:
    """When an answer was requested, sent and abandoned, in seconds since 1970; 0 for never."""

    uid: str
    asked: float
    first: float = 0.0
    last: float = 0.0
    left: float = 0.0


class StreamingServer:
    """Answer the requests that the package and its peers send to an Xinference."""

    def __init__(self) -> None:
        self.log: list[Answer] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, the only one on its connection."""
        asked = time.time()
        try:
            method, path, body = await _request(reader)
            if method == "POST" and path.endswith("/completions"):
                await self._answer(body["model"], asked, reader, writer)
            else:
                writer.write(_json(self._about(path)))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # readers may disconnect
        finally:
            writer.close()

    def _about(self, path: str) -> Any:
        last = path.rstrip("/").rpartition("/")[2]
        known = {
            "log": [asdict(answer) for answer in self.log],
            "version": {"version": "4.1.0"},
            "auth": {"auth": False},
            "models": {"object": "list", "data": []},
        }
        return known.get(last, _described(last))

    async def _answer(
        self, uid: str, asked: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        script, answer = Script.of(uid), Answer(uid, asked)
        self.log.append(answer)
        if script.shape == "reply":
            await asyncio.sleep(script.count / 1000)
            writer.write(_json(recorded.whole({"content": "Paris."})))
            return
        leaving = asyncio.ensure_future(reader.read(1))
        leaving.add_done_callback(lambda _: setattr(answer, "left", time.time()))
        try:
            await _stream(script, answer, writer)
        finally:
            leaving.cancel()


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, path, _ = head.split(" ", 2)
    length = head.lower().partition("content-length:")[2].partition("\r\n")[0]
    body = await reader.readexactly(int(length or 0))
    return method, path.partition("?")[0], json.loads(body or b"null")


def _json(content: Any) -> bytes:
    body = json.dumps(content).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _described(uid: str) -> dict[str, Any]:
    engine = "transformers" if uid.startswith("transformers") else "llama.cpp"
    return {
        "id": uid,
        "model_name": "scripted",
        "model_type": "LLM",
        "model_ability": ["chat"],
        "model_engine": engine,
        "replica": 1,
    }


async def _stream(script: Script, answer: Answer, writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD)
    answer.first = time.time()
    if script.rate:
        await _in_time(script, answer, writer)
    else:
        for packet in _packets(script.shape, script.count):
            writer.write(packet)
            await writer.drain()
        answer.last = time.time()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _in_time(script: Script, answer: Answer, writer: asyncio.StreamWriter) -> None:
    events = _events(script.shape, script.count)
    ending = len(events) - _ENDING
    begun, sent = time.monotonic(), 0
    while sent < ending and not answer.left:
        due = min(ending, 1 + int((time.monotonic() - begun) * script.rate))
        writer.write(b"".join(events[sent:due]))
        sent = due
        await writer.drain()
        await asyncio.sleep(max(1 / script.rate, 0.001))
    answer.last = time.time()
    await asyncio.sleep(script.hold / 1000)
    writer.write(b"".join(events[ending:]))


async def serve() -> None:
    """Serve until the process ends."""
    server = await asyncio.start_server(StreamingServer().handle, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
