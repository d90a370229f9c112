"""A server that streams a long recorded answer as fast as it is read.

    python benchmarks/endless_server.py CHUNKS

It prints its port, and answers every POST with the same stream of so many chunks, each in an
HTTP chunk of its own, as Xinference sends them.
"""

from __future__ import annotations

import asyncio
import json
import sys

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
_AT_ONCE = 50  # chunks in one write


def _event(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    return {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 1795342762,
        "model": "tiny",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def answer(chunks: int) -> list[bytes]:
    """The stream, as the packets that are written."""
    usage = {"prompt_tokens": 10, "completion_tokens": chunks, "total_tokens": chunks + 10}
    events: list[dict[str, object]] = [
        _event({"role": "assistant", "content": ""}),
        *(_event({"content": f" word{number}"}) for number in range(chunks)),
        _event({}, "stop"),
        {**_event({}), "choices": [], "usage": usage},
    ]
    lines = [f"data: {json.dumps(event)}\r\n\r\n".encode() for event in events]
    lines.append(b"data: [DONE]\r\n\r\n")
    sent = [b"%x\r\n%s\r\n" % (len(line), line) for line in lines]
    sent.append(b"0\r\n\r\n")
    return [b"".join(sent[start : start + _AT_ONCE]) for start in range(0, len(sent), _AT_ONCE)]


async def serve(chunks: int) -> None:
    """Serve until the process is ended."""
    packets = answer(chunks)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        writer.write(_HEAD)
        for packet in packets:
            writer.write(packet)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
