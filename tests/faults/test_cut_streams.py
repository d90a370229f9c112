"""A stream that is cut at each of its bytes, and a real one cut at twenty places."""

import pytest
import recorded
from broken_shell import CHAT_CALLS, EVERYWHERE
from faulty_proxy import Fault, FaultyProxy
from scripted_server import Raw, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import ConnectError, StreamError, XinferenceError

pytestmark = pytest.mark.long

SAID = "Grüße, 世界 😀!"
PIECES = ("Grüße, ", "世界", " 😀!")
STREAMS = {
    "transformers": recorded.events(*recorded.transformers(*PIECES)),
    "llama.cpp": recorded.events(*recorded.llama(*PIECES)),
    "vLLM": recorded.events(*recorded.vllm(*PIECES), end="\n"),
}
FINISHED = {
    engine: data.index(b'"finish_reason": "stop"') + len(b'"finish_reason": "stop"')
    for engine, data in STREAMS.items()
}
"""The bytes after which an answer may count as complete."""


async def answered(endpoint):
    """Return the text that arrives, and the error that ends it."""
    got = []
    try:
        async for chunk in ChatXinference(endpoint, "tiny", timeout=30).astream("x"):
            got.append(chunk.text)  # noqa: PERF401  # what came before the error counts
    except XinferenceError as error:
        return "".join(got), error
    return "".join(got), None


def check(cut, whole, text, error):
    """Check that an answer cut too early raises an error, and that the text received is right."""
    assert SAID.startswith(text)
    if cut < whole:
        assert isinstance(error, (StreamError, ConnectError)), (cut, text)
    if error is None:
        assert text == SAID, cut


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("engine", STREAMS)
async def test_cut_at_every_byte(engine, end):
    data, whole = STREAMS[engine], FINISHED[engine]
    cuts = range(1, len(data), 1 if EVERYWHERE or end == "close" else 29)
    scripts = [Stream([data[:cut]], end=end, done=False) for cut in cuts]
    with ScriptedServer(*scripts) as server:
        for cut in cuts:
            check(cut, whole, *await answered(server.endpoint))


async def test_cut_by_the_end_of_the_connection():
    """As behind an HTTP/1.0 proxy, where closing the connection ends an answer."""
    data, whole = STREAMS["llama.cpp"], FINISHED["llama.cpp"]
    head = b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    cuts = range(1, len(data), 1 if EVERYWHERE else 23)
    with ScriptedServer(*[Raw(head + data[:cut]) for cut in cuts]) as server:
        for cut in cuts:
            check(cut, whole, *await answered(server.endpoint))


@pytest.mark.parametrize("engine", STREAMS)
def test_cut_in_the_cell(bench, engine):
    """Cut at some of the bytes: the turn has what arrived, and the next cell works."""
    data, whole = STREAMS[engine], FINISHED[engine]
    for cut in range(50, whole, 1 if EVERYWHERE else 200):
        bench.server.faults["POST /v1/chat/completions"] = Stream(
            [data[:cut]], end="reset", done=False
        )
        before = len(bench.turns)
        bench.fails(CHAT_CALLS["%%chat"], StreamError, "was cut off")
        for turn in bench.turns[before:]:
            assert turn.status == "failed"
            assert SAID.startswith(turn.text)
    bench.mend()
    bench.succeeds(CHAT_CALLS["%%chat"])


COUNT = "Count from 1 to 100."


@pytest.mark.parametrize("uid", ["tiny-gguf", "tiny-pt"])
def test_a_real_stream_cut_at_twenty_places(server, tiny_chat, uid):
    with FaultyProxy(server.endpoint) as proxy:
        llm = ChatXinference(proxy.endpoint, uid, temperature=0, timeout=60)
        whole = llm.invoke(COUNT).text
        for place in range(20):
            proxy.drop_all()
            proxy.fault = Fault("reset" if place % 2 else "close", after=100 + place * 613)
            text, error = collected(llm)
            assert whole.startswith(text)
            assert isinstance(error, StreamError if text else (StreamError, ConnectError))
        assert text
        proxy.fault = Fault()
        assert llm.invoke(COUNT).text == whole


def collected(llm):
    """Return the text that arrives, and the error that ends it."""
    got = []
    try:
        for chunk in llm.stream(COUNT):
            got.append(chunk.text)  # noqa: PERF401  # what came before the error counts
    except XinferenceError as error:
        return "".join(got), error
    return "".join(got), None
