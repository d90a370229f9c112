"""Model answers, streamed and whole, that no server should send: one of our errors at worst."""

import asyncio
import io
import json

import pytest
import recorded
import requests
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st
from json_values import ANYTHING, DEEP, wrong
from langchain_core.documents import Document

from xinference_magics import ChatXinference, XinferenceLLM
from xinference_magics.errors import XinferenceError
from xinference_magics.transport.events import aread, read
from xinference_magics.transport.handle import body_pieces
from xinference_magics.transport.routes import Route
from xinference_magics.wire.answer import to_message
from xinference_magics.wire.ranking import ranked
from xinference_magics.wire.request import ModelDefaults, chat_request
from xinference_magics.wire.text import to_generation
from xinference_magics.wire.vectors import vectors

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}
ADD = recorded.call_begin("add"), recorded.call_more('"a": 1}')
STREAMS = [
    recorded.transformers("<think>\nHm", ".</think>", "Yes.", '<tool_call>{"name": "add"}'),
    recorded.llama(recorded.thought("Hm."), recorded.said("Yes."), *ADD, finish="tool_calls"),
    recorded.vllm("Yes.", recorded.vllm_call("", "add"), recorded.vllm_call('{"a": 1}')),
]
PROBABLE = {"content": [{"token": "Y", "logprob": -0.1, "bytes": [89], "top_logprobs": []}]}
CHUNKS = st.sampled_from(
    [
        *STREAMS,
        [
            {**each, "choices": [{**each["choices"][0], "logprobs": PROBABLE}]}
            for each in STREAMS[0]
        ],
    ]
)
WHOLE = [
    recorded.whole({"content": "<think>Hm.</think>Yes.", "reasoning_content": None}),
    recorded.whole({"content": None, "tool_calls": ADD[0]["tool_calls"]}, "tool_calls"),
    recorded.whole({"content": "Yes.", "reasoning_content": "Hm."}, logprobs=PROBABLE),
]


def is_list(value):
    return isinstance(value, list)


def answer_of(data):
    """Return an HTTP response with a body that has arrived."""
    answer = requests.Response()
    answer.status_code = 200
    answer.raw = urllib3.HTTPResponse(io.BytesIO(data), preload_content=False)
    return answer


class Said:
    """What the server answers to every request; the models that read it are made once."""

    data = b""

    @staticmethod
    def chunks(_handle, _body):
        return read(body_pieces(answer_of(Said.data)))

    @staticmethod
    async def chunks_as_they_come(_handle, _body):
        async def received():
            for line in Said.data.splitlines(keepends=True):
                yield line

        return aread(received())


class Told(Route):
    """A kind of request whose answer is known."""

    def __call__(self, handle, body):
        return Said.chunks(handle, body)


class ToldAsync(Route):
    """A kind of request whose answer is known, and arrives asynchronously."""

    async def __call__(self, handle, body):
        return await Said.chunks_as_they_come(handle, body)


class Reading(ChatXinference):
    _route = Told("")


class ReadingAsync(ChatXinference):
    _route = ToldAsync("")


class ReadingText(XinferenceLLM):
    _route = Told("")


PLACE = {"server_url": "http://127.0.0.1:1", "model_uid": "tiny", "api_key": "k"}
MODELS = {kind: kind(**PLACE) for kind in (Reading, ReadingAsync, ReadingText)}


def reading(kind, data):
    """Return a model whose every answer is `data`."""
    Said.data = data
    return MODELS[kind]


@pytest.fixture(scope="module")
def runner():
    """One event loop for all cases."""
    with asyncio.Runner() as made:
        yield made


def encoded(chunks):
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in chunks)


def only_ours(call, *args, **kwargs):
    """Call something that must succeed, or fail with one of our errors in one line."""
    try:
        return call(*args, **kwargs)
    except XinferenceError as error:
        assert "\n" not in str(error)
        assert "".join(error._render_traceback_()).isprintable()


async def collected(model, **options):
    return [chunk async for chunk in model.astream("?", **options)]


@pytest.mark.parametrize("stream", STREAMS)
def test_right_chunks(runner, stream):
    """The fuzzed readers work if nothing is wrong."""
    assert sum_of(list(reading(Reading, encoded(stream)).stream("?"))).text.startswith("Yes.")
    chunks = runner.run(collected(reading(ReadingAsync, encoded(stream))))
    assert sum_of(chunks).text.startswith("Yes.")
    text = encoded(recorded.llama_text("a", "b"))
    assert "".join(reading(ReadingText, text).stream("?")) == "ab"


@pytest.mark.parametrize("tools", [[], [TOOL]])
@given(chunks=wrong(CHUNKS).filter(is_list))
def test_wrong_chunks(tools, chunks):
    model = reading(Reading, encoded(chunks))
    options = {"tools": tools} if tools else {}
    only_ours(lambda: sum_of(list(model.stream("?", **options))))


def sum_of(chunks):
    first, *rest = chunks
    return first + rest if rest else first


@given(chunks=wrong(CHUNKS).filter(is_list))
def test_wrong_chunks_read_asynchronously(runner, chunks):
    model = reading(ReadingAsync, encoded(chunks))
    only_ours(lambda: runner.run(collected(model, tools=[TOOL])))


@given(
    data=st.lists(
        st.sampled_from(
            [
                *(
                    b"data:",
                    b" ",
                    b"\r\n",
                    b"\n",
                    b"\r",
                    b": ping",
                    b"event: x",
                    b"[DONE]",
                    b"\xff",
                ),
                *(encoded(stream) for stream in STREAMS),
                *(encoded(stream)[:200] for stream in STREAMS),
                *(b'data: {"choi', b'data: {"error": ', b"\xc3", b"\x00", b"{}", b"[]", b"null"),
                *(b"NaN", b"1e999", b'"', b"\\ud800", b"data: " + DEEP.encode()),
            ]
        )
        | st.binary(max_size=20),
        max_size=12,
    ).map(b"".join)
)
@example(data=b"data: " + DEEP.encode() + b"\n")
@example(data=b"data: " + b"9" * 5000 + b"\n")
def test_any_bytes_as_a_stream(runner, data):
    only_ours(lambda: list(reading(Reading, data).stream("?")))
    only_ours(lambda: runner.run(collected(reading(ReadingAsync, data))))


@given(
    chunks=wrong(
        st.sampled_from([recorded.llama_text("a"), recorded.transformers_text("a")])
    ).filter(is_list)
)
def test_wrong_chunks_of_a_text_completion(chunks):
    only_ours(lambda: list(reading(ReadingText, encoded(chunks)).stream("?")))


REQUEST = chat_request([], ModelDefaults(model_uid="tiny"), {"tools": [TOOL]})


@given(data=wrong(st.sampled_from(WHOLE)))
def test_wrong_whole_answers(data):
    only_ours(to_message, data, REQUEST)


@given(data=wrong(recorded.whole_text("a", logprobs=None)))
def test_wrong_text_completions(data):
    only_ours(to_generation, data, REQUEST)


@given(data=wrong(st.sampled_from([recorded.vectors([1.0, 2.0]), recorded.vectors("AACAPw==")])))
def test_wrong_vectors(data):
    only_ours(vectors, data, {"model": "tiny", "input": ["a"]})


@given(data=wrong(recorded.scores((1, 0.5), (0, 0.25))))
def test_wrong_scores(data):
    only_ours(ranked, data, [Document("a"), Document("b")])


@given(ANYTHING)
def test_anything_as_an_answer(data):
    for translate in (to_message, to_generation):
        only_ours(translate, data, REQUEST)
    only_ours(vectors, data, {"model": "tiny", "input": ["a"]})
    only_ours(ranked, data, [])
