"""Every recorded stream, cut at any byte, yields the same chunks and the same message."""

import asyncio
import io

import pytest
import recorded
import requests
import urllib3
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import XinferenceError
from xinference_magics.transport.events import aread, read
from xinference_magics.transport.handle import body_pieces

TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}
SHAPES = pytest.mark.parametrize("shape", recorded.SHAPES)
BROKEN = pytest.mark.parametrize("shape", recorded.BROKEN)
WIRE = {name: wire for name, (wire, _) in {**recorded.SHAPES, **recorded.BROKEN}.items()}


class Pieces(io.BufferedIOBase):
    """A connection that delivers one piece at a time."""

    def __init__(self, *pieces):
        self.pieces = [piece for piece in pieces if piece]

    def read1(self, _size=-1):
        return self.pieces.pop(0) if self.pieces else b""

    read = read1


def received(*pieces):
    """Return the chunks that the synchronous reader yields for the pieces, and what ended it."""
    response = requests.Response()
    response.raw = urllib3.HTTPResponse(Pieces(*pieces), preload_content=False)
    chunks = []
    try:
        for chunk in read(body_pieces(response)):
            chunks.append(chunk)  # noqa: PERF402  # what came before the error counts
    except Exception as error:  # noqa: BLE001
        return chunks, (type(error), str(error))
    return chunks, None


async def areceived(*pieces):
    """Return the chunks that the asynchronous reader yields for the pieces, and what ended it."""
    loop = asyncio.get_running_loop()
    reader = StreamReader(BaseProtocol(loop), 2**20, loop=loop)
    for piece in pieces:
        reader.feed_data(piece)
    reader.feed_eof()
    chunks = []
    try:
        async for chunk in aread(reader.iter_any()):
            chunks.append(chunk)  # noqa: PERF401
    except Exception as error:  # noqa: BLE001
        return chunks, (type(error), str(error))
    return chunks, None


@pytest.mark.parametrize("shape", WIRE)
async def test_a_stream_may_be_cut_at_every_byte(shape):
    wire = WIRE[shape]
    whole = received(wire)
    assert whole == await areceived(wire)
    for cut in range(1, len(wire)):
        assert received(wire[:cut], wire[cut:]) == whole, cut
        assert await areceived(wire[:cut], wire[cut:]) == whole, cut
    each = [wire[at : at + 1] for at in range(len(wire))]
    assert received(*each) == await areceived(*each) == whole


def merged(chunks):
    first, *others = chunks
    for each in others:
        first += each
    return first


def check(message, meant):
    assert message.content == meant["text"]
    assert message.additional_kwargs.get("reasoning_content", "") == meant["thought"]
    assert [(call["name"], call["args"]) for call in message.tool_calls] == meant["calls"]
    assert message.invalid_tool_calls == []
    assert message.response_metadata["finish_reason"] == meant["finish"]
    assert message.response_metadata["model_name"] == "tiny"
    assert message.usage_metadata["total_tokens"] == recorded.USAGE["total_tokens"]


def script(wire, *, chunked):
    if chunked:
        return Stream([wire], done=False, split=1)
    return Reply(body=wire.decode(), headers={"Content-Type": "text/event-stream"})


@SHAPES
@pytest.mark.parametrize("chunked", [True, False])
async def test_each_shape_gives_its_message(shape, chunked):
    wire, meant = recorded.SHAPES[shape]
    with ScriptedServer(script(wire, chunked=chunked)) as server:
        llm = ChatXinference(server.endpoint, "tiny").bind_tools([TOOL])
        check(merged(list(llm.stream("x"))), meant)
        check(merged([chunk async for chunk in llm.astream("x")]), meant)


@BROKEN
async def test_each_broken_shape_gives_its_error(shape):
    wire, says = recorded.BROKEN[shape]
    with ScriptedServer(script(wire, chunked=True)) as server:
        llm = ChatXinference(server.endpoint, "tiny")
        with pytest.raises(XinferenceError, match=says) as caught:
            list(llm.stream("x"))
        with pytest.raises(XinferenceError, match=says) as caught_async:
            async for _ in llm.astream("x"):
                pass
    assert str(caught.value) == str(caught_async.value)
    assert "\n" not in str(caught.value)
