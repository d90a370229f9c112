"""Streams that end badly, and streams that are abandoned early."""

import asyncio
import signal
import threading
from contextlib import aclosing

import pytest
import recorded
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import (
    InternalServerError,
    RateLimitError,
    StreamError,
    XinferenceError,
)

BEGUN = recorded.llama("Hel", "lo")[:3]
ENDLESS = Stream(BEGUN, end="never")


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


async def collect(stream):
    """Return the texts that arrived and the error that ended the stream."""
    texts = []
    try:
        async for chunk in stream:
            texts.append(chunk.content)  # noqa: PERF401  # what came before the error counts
    except XinferenceError as error:
        return texts, error
    return texts, None


async def both(server, **fields):
    """Stream synchronously, then asynchronously."""
    llm = model(server, **fields)

    async def lifted():
        for chunk in llm.stream("x"):
            yield chunk

    return [await collect(lifted()), await collect(llm.astream("x"))]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (Stream(BEGUN, done=False), "was cut off before its end"),
        (Stream(BEGUN, end="reset"), "was cut off: the connection was lost"),
        (Stream(BEGUN, end="torn"), "was cut off: the connection was lost"),
        (Stream([*BEGUN, b"data: {nonsense}\n\n"]), "was cut off: a line of it cannot be parsed"),
    ],
)
async def test_a_stream_that_breaks_off(script, message):
    with ScriptedServer(script) as server:
        for (texts, error), body in zip(await both(server), server.bodies, strict=True):
            assert texts == ["Hel", "lo"]
            assert isinstance(error, StreamError)
            assert message in str(error)
            assert error.request_id == body["request_id"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (recorded.FAILED, InternalServerError),
        ("Rate limit reached", RateLimitError),
    ],
)
async def test_an_error_event(text, kind):
    with ScriptedServer(Stream([*BEGUN, {"error": text}], done=False)) as server:
        found = await both(server)
        for (texts, error), body in zip(found, server.bodies, strict=True):
            assert texts == ["Hel", "lo"]
            assert type(error) is kind
            assert error.detail == text
            assert error.request_id == body["request_id"]
            assert error.status is None


async def test_an_error_event_closes_the_connection_even_if_the_error_is_kept():
    stream = Stream([*BEGUN, {"error": recorded.FAILED}], end="never")
    with ScriptedServer(stream) as server:
        found = await both(server)
        assert [type(error) for _, error in found] == [InternalServerError, InternalServerError]
        for _ in found:
            await asyncio.to_thread(server.left.get, timeout=60)


async def test_a_server_that_goes_silent():
    with ScriptedServer(ENDLESS) as server:
        for texts, error in await both(server, timeout=0.3):
            assert texts == ["Hel", "lo"]
            assert "stopped responding" in str(error)


async def test_a_line_of_ten_megabytes():
    with ScriptedServer(Stream(recorded.llama("x" * 10_000_000))) as server:
        for texts, error in await both(server):
            assert [len(text) for text in texts] == [10_000_000, 0]
            assert error is None


def left(server):
    """Wait until the connection is closed and the abort has arrived; return the aborted ID."""
    server.left.get(timeout=60)
    return server.aborted.get(timeout=60)


def test_breaking_out_of_a_stream():
    with ScriptedServer(ENDLESS) as server:
        for _ in model(server).stream("x"):
            break
        assert left(server) == server.bodies[0]["request_id"]


def test_closing_a_stream():
    with ScriptedServer(ENDLESS) as server:
        stream = model(server).stream("x")
        next(stream)
        stream.close()  # does not wait for the end, which never comes
        assert left(server) == server.bodies[0]["request_id"]


def test_interrupting_a_stream():
    with ScriptedServer(ENDLESS) as server:
        stream = model(server).stream("x")
        next(stream)
        main = threading.main_thread().ident
        threading.Timer(0.1, signal.pthread_kill, [main, signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            for _ in stream:
                pass
        assert left(server) == server.bodies[0]["request_id"]


async def test_closing_an_asynchronous_stream():
    with ScriptedServer(ENDLESS) as server:
        stream = model(server).astream("x")
        await anext(stream)
        await stream.aclose()
        assert await asyncio.to_thread(left, server) == server.bodies[0]["request_id"]


async def test_breaking_out_of_an_asynchronous_stream():
    with ScriptedServer(ENDLESS) as server:
        async for _ in model(server).astream("x"):
            break
        assert await asyncio.to_thread(left, server) == server.bodies[0]["request_id"]


def test_a_loop_that_ends_in_the_middle_of_a_stream():
    async def begin(server):
        await anext(aiter(model(server).astream("x")))

    with ScriptedServer(ENDLESS) as server:
        asyncio.run(begin(server))
        assert left(server) == server.bodies[0]["request_id"]


async def test_leaving_events_of_a_stream():
    with ScriptedServer(ENDLESS) as server:
        async with aclosing(model(server).astream_events("x")) as events:
            async for event in events:
                if event["event"] == "on_chat_model_stream":
                    break
        assert await asyncio.to_thread(left, server) == server.bodies[0]["request_id"]


async def cancel(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_a_task_that_streams():
    begun = asyncio.Event()

    async def read(stream):
        async for _ in stream:
            begun.set()

    with ScriptedServer(ENDLESS) as server:
        task = asyncio.create_task(read(model(server).astream("x")))
        await begun.wait()
        await cancel(task)
        assert await asyncio.to_thread(left, server) == server.bodies[0]["request_id"]


async def test_cancelling_a_whole_answer():
    with ScriptedServer(Reply(body=recorded.whole({"content": "late"}), delay=1)) as server:
        task = asyncio.create_task(model(server).ainvoke("x"))
        while not server.bodies:  # noqa: ASYNC110  # another thread takes it
            await asyncio.sleep(0.01)
        await cancel(task)
        aborted = await asyncio.to_thread(server.aborted.get, timeout=60)
        assert aborted == server.bodies[0]["request_id"]


async def test_a_stream_that_ended_is_not_aborted():
    with ScriptedServer(Stream(recorded.llama("a"))) as server:
        await both(server)
        for each in threading.enumerate():
            if each.name == "xinference-abort":
                each.join()
        assert server.aborted.empty()
