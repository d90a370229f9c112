"""Calls over a real socket, against recorded answers."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import recorded
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ModelNotFoundError,
    ModelNotReadyError,
    ServerError,
    XinferenceError,
)
from xinference_magics.transport import inference

WHOLE = Reply(body=recorded.whole({"content": "Hello!"}))


@pytest.fixture
def server():
    with ScriptedServer(WHOLE) as server:
        yield server


@pytest.fixture
def streaming():
    with ScriptedServer(Stream(recorded.transformers("Hel", "lo!"))) as server:
        yield server


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


def test_invoke(server):
    answer = model(server, temperature=0).invoke("Hello")
    assert answer.content == "Hello!"
    assert answer.id
    [sent] = server.bodies
    assert answer.response_metadata["request_id"] == sent.pop("request_id")
    assert sent == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.0,
    }


async def test_ainvoke(server):
    assert (await model(server).ainvoke("Hello")).content == "Hello!"


def test_stream(streaming):
    chunks = list(model(streaming).stream("Hello"))
    assert [chunk.content for chunk in chunks] == ["Hel", "lo!", ""]
    assert chunks[-1].usage_metadata["total_tokens"] == 36


async def test_astream(streaming):
    chunks = [chunk async for chunk in model(streaming).astream("Hello")]
    assert [chunk.content for chunk in chunks] == ["Hel", "lo!", ""]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_a_stream_cut_into_any_pieces(size):
    recorded_stream = Stream(recorded.llama("été ", "世界", " 😀"), split=size)
    with ScriptedServer(recorded_stream) as server:
        synchronous = "".join(chunk.content for chunk in model(server).stream("x"))
        pieces = [chunk.content async for chunk in model(server).astream("x")]
    assert synchronous == "".join(pieces) == "été 世界 😀"


def test_a_stream_without_chunked_encoding():
    events = "".join(f"data: {json.dumps(each)}\n\n" for each in recorded.llama("a", "b"))
    with ScriptedServer(Reply(body=events + "data: [DONE]\n\n")) as server:
        assert "".join(chunk.content for chunk in model(server).stream("x")) == "ab"


def test_messages_go_in_the_order_given(server):
    model(server).invoke([HumanMessage("I love programming."), SystemMessage("Translate.")])
    assert [each["role"] for each in server.bodies[0]["messages"]] == ["user", "system"]


CONFIG = {"max_tokens": 1024}


class TestConfig:
    """max_tokens, temperature, top_p and seed may appear in a call's config."""

    @pytest.mark.parametrize("config", [CONFIG, {"configurable": CONFIG}])
    def test_invoke_and_batch(self, server, config):
        llm = model(server)
        llm.invoke("x", config=config)
        llm.batch(["x", "y"], config=config)
        llm.with_config(config).invoke("x")
        llm.bind(temperature=0).invoke("x", config=config)
        (ChatPromptTemplate.from_template("{x}") | llm | StrOutputParser()).invoke(
            {"x": "x"}, config=config
        )
        assert [body["max_tokens"] for body in server.bodies] == [1024] * 6

    async def test_async_and_streams(self, streaming):
        llm = model(streaming)
        async for _ in llm.astream("x", config=CONFIG):
            pass
        list(llm.stream("x", config=CONFIG))
        list((llm | StrOutputParser()).stream("x", config=CONFIG))
        assert [each async for each in llm.astream_events("x", config=CONFIG)]
        assert [body["max_tokens"] for body in streaming.bodies] == [1024] * 4

    @pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
    async def test_the_newest_events(self, streaming):
        events = model(streaming).stream_events("x", config=CONFIG, version="v3")
        assert str(events.text) == "Hello!"
        later = await model(streaming).astream_events("x", config=CONFIG, version="v3")
        assert await later.text == "Hello!"
        assert [body["max_tokens"] for body in streaming.bodies] == [1024] * 2

    async def test_ainvoke_and_abatch(self, server):
        llm = model(server)
        await llm.ainvoke("x", config=CONFIG)
        await llm.abatch(["x", "y"], config=CONFIG)
        assert [body["max_tokens"] for body in server.bodies] == [1024] * 3

    def test_explicit_arguments_win_over_config_and_config_over_fields(self, server):
        llm = model(server, max_tokens=1, seed=1, temperature=0.1)
        llm.invoke("x", max_tokens=3, config={"max_tokens": 2, "seed": 2})
        sent = server.bodies[0]
        assert (sent["max_tokens"], sent["seed"], sent["temperature"]) == (3, 2, 0.1)

    def test_other_keys_are_not_parameters(self, server):
        model(server).invoke("x", config={"top_k": 5, "thread_id": 7})
        assert server.bodies[0].keys() == {"model", "messages", "request_id"}

    def test_configurable_fields(self, server):
        llm = model(server).configurable_fields(temperature=ConfigurableField("heat"))
        llm.invoke("x", config={"configurable": {"heat": 0.7}})
        assert server.bodies[0]["temperature"] == 0.7


def test_a_misspelt_argument_is_refused_before_anything_is_sent(server):
    with pytest.raises(BadRequestError, match="Did you mean max_tokens"):
        model(server).invoke("x", max_token=5)
    with pytest.raises(BadRequestError, match="Did you mean max_tokens"):
        list(model(server).bind(temperature=0).bind(max_token=5).stream("x"))
    assert server.bodies == []


def test_anything_passes_through_extra_body(server):
    model(server, extra_body={"min_p": 0.1}).invoke("x", extra_body={"guided_regex": "a+"})
    assert server.bodies[0]["min_p"] == 0.1
    assert server.bodies[0]["guided_regex"] == "a+"


def test_the_body_does_not_decide_whether_to_stream(server):
    assert model(server).invoke("x", extra_body={"stream": True}).content == "Hello!"


def test_another_model_for_one_call(server):
    answer = model(server).invoke("x", model="other")
    assert server.bodies[0]["model"] == answer.response_metadata["model_name"] == "other"


def test_streaming_models_stream_inside_invoke(streaming):
    answer = model(streaming, streaming=True).invoke("x")
    assert answer.content == "Hello!"
    assert streaming.bodies[0]["stream"] is True


def test_usage_is_counted_once_by_callbacks(streaming):
    with get_usage_metadata_callback() as counted:
        list(model(streaming).stream("x"))
    assert counted.usage_metadata["tiny"]["total_tokens"] == 36


def test_a_rate_limiter_is_respected(server):
    limiter = InMemoryRateLimiter(requests_per_second=1000, check_every_n_seconds=0.001)
    assert model(server, rate_limiter=limiter).invoke("x").content == "Hello!"


def test_threads_share_the_clients(server):
    llm = model(server)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(llm.invoke, ["x"] * 32))
    assert {answer.content for answer in answers} == {"Hello!"}


class NoThreads(ThreadPoolExecutor):
    def submit(self, *_, **__):
        pytest.fail("a thread")


async def test_no_thread_is_needed(server, streaming):
    asyncio.get_running_loop().set_default_executor(NoThreads())
    assert (await model(server, api_key="xf-key").ainvoke("x")).content == "Hello!"
    chunks = [chunk async for chunk in model(streaming, api_key="xf-key").astream("x")]
    assert len(chunks) == 3
    sent = [each.headers["Authorization"] for each in (*server.requests, *streaming.requests)]
    assert sent == ["Bearer xf-key"] * 2


async def test_many_at_once(server):
    answers = await model(server).abatch(["x"] * 20)
    assert {answer.content for answer in answers} == {"Hello!"}


def test_one_event_loop_after_the_other(server, streaming):
    async def use(server):
        return [chunk.content async for chunk in model_.astream("x")]

    model_ = model(streaming)
    assert asyncio.run(use(streaming)) == asyncio.run(use(streaming)) == ["Hel", "lo!", ""]


def test_loops_that_are_closed_without_cleanup(server):
    llm = model(server)
    for _ in range(2):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(llm.ainvoke("x")).content == "Hello!"
        loop.close()
    del llm


def test_the_key_is_sent_and_asked_for_each_time(server):
    tokens = iter(["one", "two"])
    llm = model(server, token_source=lambda: next(tokens))
    llm.invoke("x")
    asyncio.run(llm.ainvoke("x"))
    sent = [each.headers["Authorization"] for each in server.requests]
    assert sent == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (
            Reply(401, {"detail": "Could not validate credentials"}),
            AuthenticationError,
            "denied access",
        ),
        (
            Reply(
                404,
                {
                    "detail": "[address=1, pid=2] Model not found in the model list, uid: tiny. "
                    "Available model uids: ['tiny-gguf']"
                },
            ),
            ModelNotFoundError,
            "Did you mean tiny-gguf",
        ),
        (
            Reply(503, {"detail": "Model is loading, please retry later"}, {"Retry-After": "30"}),
            ModelNotReadyError,
            "still loading",
        ),
        (
            Reply(
                500,
                "Internal Server Error: 1 validation error for CreateChatCompletion\n"
                "top_k\n  value is not a valid integer (type=type_error.integer)",
            ),
            BadRequestError,
            "top_k",
        ),
        (Reply(200, "<html></html>", {"Content-Type": "text/html"}), ConnectError, "a web page"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_refusals_become_our_errors(reply, error, message, stream):
    with ScriptedServer(reply) as server:
        llm = model(server)
        with pytest.raises(error, match=message) as caught:
            list(llm.stream("x")) if stream else llm.invoke("x")
        with pytest.raises(error, match=message) as caught_async:
            await (anext(llm.astream("x")) if stream else llm.ainvoke("x"))
        for each, body in zip((caught, caught_async), server.bodies, strict=True):
            assert each.value.request_id == body["request_id"]
            if reply.status != 200:
                assert each.value.status == reply.status


async def test_nobody_there():
    llm = ChatXinference("http://127.0.0.1:9", "tiny")
    with pytest.raises(ConnectError, match="no server is running there"):
        llm.invoke("x")
    with pytest.raises(ConnectError, match="no server is running there"):
        await llm.ainvoke("x")


async def test_a_loading_model_is_retried_if_max_retries_is_set(monkeypatch):
    monkeypatch.setattr("xinference_magics.transport.inference._MAX_WAIT_SECONDS", 0.01)
    loading = Reply(503, {"detail": "Model is loading, please retry later"})
    with ScriptedServer(loading, loading, WHOLE) as server:
        assert model(server, max_retries=2).invoke("x").content == "Hello!"
    with ScriptedServer(loading, loading, WHOLE) as server:
        assert (await model(server, max_retries=2).ainvoke("x")).content == "Hello!"
    with ScriptedServer(loading, loading, WHOLE) as server, pytest.raises(ModelNotReadyError):
        model(server, max_retries=1).invoke("x")


@pytest.mark.parametrize("stream", [False, True])
async def test_it_waits_as_long_as_the_server_asks(stream, monkeypatch):
    waits = []

    async def wait(seconds):
        waits.append(seconds)

    monkeypatch.setattr(inference, "time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(inference, "asyncio", SimpleNamespace(sleep=wait))
    busy = Reply(503, {"detail": "Service Unavailable"}, {"Retry-After": "7"})
    answer = Stream(recorded.llama("Hello!")) if stream else WHOLE
    with ScriptedServer(busy, answer, busy, answer) as server:
        llm = model(server, max_retries=1, streaming=stream)
        assert llm.invoke("x").content == "Hello!"
        assert (await llm.ainvoke("x")).content == "Hello!"
    assert waits == [7.0, 7.0]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503, {"detail": "Service Unavailable"}),  # a proxy may have passed it on
        Reply(500, {"detail": "x"}, {"Retry-After": "0"}),
        Reply(429, {"detail": "Rate limit reached"}),
        Stream(recorded.llama("Hel")[:2], end="reset"),
        Stream([{"error": recorded.FAILED}], done=False),
        Stream([*recorded.llama("Hel")[:2], {"error": "Rate limit reached"}], done=False),
    ],
)
async def test_a_request_that_may_have_been_read_is_never_resent(reply):
    with ScriptedServer(reply) as server:
        llm = model(server, max_retries=3, streaming=True)
        with pytest.raises(XinferenceError):
            llm.invoke("x")
        with pytest.raises(XinferenceError):
            await llm.ainvoke("x")
        assert len(server.bodies) == 2


async def test_an_answer_that_is_not_json():
    with ScriptedServer(Reply(200, "{", {"Content-Type": "application/json"})) as server:
        with pytest.raises(Exception, match="not valid JSON"):
            model(server).invoke("x")
        with pytest.raises(Exception, match="not valid JSON"):
            await model(server).ainvoke("x")


async def test_an_answer_in_an_unknown_format_names_its_request():
    with ScriptedServer(Reply(body={"choices": [{"message": "Hello"}]})) as server:
        with pytest.raises(ServerError, match="in an unknown format") as caught:
            model(server).invoke("x")
        with pytest.raises(ServerError, match="in an unknown format") as caught_async:
            await model(server).ainvoke("x")
    found = [caught.value.request_id, caught_async.value.request_id]
    assert found == [body["request_id"] for body in server.bodies]


async def test_unserializable_input_is_not_the_server_s_fault(server):
    llm = model(server)
    with pytest.raises(BadRequestError, match="with_structured_output accepts classes"):
        llm.invoke("x", response_format=HumanMessage)
    with pytest.raises(BadRequestError, match="The request cannot be written as JSON"):
        llm.invoke("x", extra_body={"x": object()})
    with pytest.raises(BadRequestError, match="The request cannot be written as JSON"):
        await llm.ainvoke("x", extra_body={"x": object()})
    assert server.bodies == []
