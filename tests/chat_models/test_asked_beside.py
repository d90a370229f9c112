"""Additional requests to the server: why an answer failed, and what a model accepts."""

import json

import pytest
import recorded
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call
from scripted_server import ScriptedServer

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import (
    BadRequestError,
    ContextLengthError,
    IgnoredByEngineWarning,
    InternalServerError,
    ServerError,
)

CHAT = "POST /v1/chat/completions"
EVENTS = "GET /v1/models/tiny/events"
DESCRIPTION = "GET /v1/models/tiny"
TOO_LONG = "request (40008 tokens) exceeds the available context size (16384 tokens)"
WHOLE = recorded.whole({"content": "Hello!"})
SOUND = {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}
IMAGE = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}


@pytest.fixture
def server():
    with ScriptedServer() as made:
        yield made


def happened(*texts):
    launched = {"event_type": "INFO", "event_ts": 1, "event_content": "Launch model"}
    failed = [
        {"event_type": "ERROR", "event_ts": 2, "event_content": f"[address=1:2, pid=3] {text}"}
        for text in texts
    ]
    return [(200, [launched, *failed, launched])]


async def failures(llm, *, stream):
    """Return the errors of the synchronous and the asynchronous call."""
    with pytest.raises(ServerError) as caught:
        list(llm.stream("x")) if stream else llm.invoke("x")
    with pytest.raises(ServerError) as caught_async:
        await (anext(llm.astream("x")) if stream else llm.ainvoke("x"))
    return [caught.value, caught_async.value]


@pytest.fixture(params=["whole", "stream"])
def failing(request, server):
    """Return whether to stream from a server that fails without giving a reason."""
    if request.param == "whole":
        server[CHAT] = [(500, {"detail": recorded.FAILED})]
    else:
        server[CHAT] = [(200, f"data: {json.dumps({'error': recorded.FAILED})}\r\n\r\n")]
    return request.param == "stream"


async def test_the_reason_for_a_failure_is_looked_up(server, failing):
    server[EVENTS] = happened("CUDA out of memory", "<think> is no token")
    for error in await failures(ChatXinference(server.endpoint, "tiny"), stream=failing):
        assert type(error) is InternalServerError
        assert error.detail == "<think> is no token"
        assert "<think> is no token" in str(error)
        assert error.status == (None if failing else 500)
        assert error.request_id in [body["request_id"] for body in server.bodies]


async def test_the_reason_determines_the_error_class(server, failing):
    server[EVENTS] = happened(TOO_LONG)
    for error in await failures(ChatXinference(server.endpoint, "tiny"), stream=failing):
        assert type(error) is ContextLengthError
        assert error.detail == TOO_LONG
    spare = ChatXinference(server.endpoint, "tiny").with_fallbacks(
        [ChatXinference(server.endpoint, "tiny")], exceptions_to_handle=(ContextLengthError,)
    )
    if not failing:
        server[CHAT] = [(500, {"detail": recorded.FAILED}), (200, WHOLE)]
        assert spare.invoke("x").content == "Hello!"


async def test_a_lost_worker_is_reported_as_such(server, failing):
    server[EVENTS] = happened("[Errno 111] Connect call failed ('10.0.0.2', 42021)")
    for error in await failures(ChatXinference(server.endpoint, "tiny"), stream=failing):
        assert f" at {server.endpoint}, or its worker, is not responding: " in str(error)
        assert "10.0.0.2" in str(error)


@pytest.mark.parametrize(
    "events",
    [
        (404, {"detail": "Not Found"}),
        (200, []),
        (200, {"a": 1}),
        (200, [5, {"event_type": "ERROR", "event_content": None}]),
        (200, "nonsense"),
    ],
)
async def test_if_no_reason_is_found_the_failure_is_reported(server, failing, events):
    server[EVENTS] = [events]
    for error in await failures(ChatXinference(server.endpoint, "tiny"), stream=failing):
        assert error.detail == recorded.FAILED


async def test_the_reason_is_not_looked_up_if_the_error_gives_one(server):
    server[CHAT] = [(500, {"detail": "CUDA out of memory"})]
    await failures(ChatXinference(server.endpoint, "tiny"), stream=False)
    assert server.paths == ["/v1/chat/completions"] * 2


def takes(engine, *abilities):
    return [(200, {"model_engine": engine, "model_ability": ["chat", *abilities]})]


async def test_the_server_reports_how_a_model_takes_media(server):
    server[DESCRIPTION] = takes("llama.cpp", "audio")
    server[CHAT] = [(200, WHOLE)]
    llm = ChatXinference(server.endpoint, "tiny")
    llm.invoke([HumanMessage([SOUND])])
    await llm.ainvoke([HumanMessage([SOUND])])
    parts = [body["messages"][0]["content"][0]["type"] for body in server.bodies]
    assert parts == ["input_audio"] * 2


async def test_unsupported_media_are_refused_before_sending(server):
    server[DESCRIPTION] = takes("Transformers")
    llm = ChatXinference(server.endpoint, "tiny")
    for ask in (llm.invoke, lambda messages: list(llm.stream(messages))):
        with pytest.raises(BadRequestError, match="The model tiny cannot read image input"):
            ask([HumanMessage([IMAGE])])
    with pytest.raises(BadRequestError, match="The model tiny cannot read image input"):
        await llm.ainvoke([HumanMessage([IMAGE])])
    with pytest.raises(BadRequestError, match="The model tiny cannot read image input"):
        await anext(llm.astream([HumanMessage([IMAGE])]))
    assert server.bodies == []


def test_another_model_for_a_call_is_looked_up_separately(server):
    server["GET /v1/models/other"] = takes("llama.cpp", "audio")
    server[CHAT] = [(200, WHOLE)]
    known = ChatXinference(server.endpoint, "tiny", engine="vLLM", profile={"audio_inputs": False})
    known.invoke([HumanMessage([SOUND])], model="other")
    assert server.bodies[0]["messages"][0]["content"][0]["type"] == "input_audio"


@pytest.mark.parametrize("description", [(404, {"detail": "Not Found"}), (200, "nonsense")])
def test_an_unknown_engine_is_sent_the_most_common_format(server, description):
    server[DESCRIPTION] = [description]
    server[CHAT] = [(200, WHOLE)]
    ChatXinference(server.endpoint, "tiny").invoke([HumanMessage([SOUND])])
    assert server.bodies[0]["messages"][0]["content"][0]["type"] == "audio"


def test_nothing_is_looked_up_for_text_or_known_models(server):
    server[CHAT] = [(200, WHOLE)]
    ChatXinference(server.endpoint, "tiny").invoke("x")
    known = ChatXinference(server.endpoint, "tiny", engine="vLLM", profile={"image_inputs": True})
    known.invoke([HumanMessage([IMAGE])])
    assert server.paths == ["/v1/chat/completions"] * 2


HISTORY = [
    HumanMessage("x"),
    AIMessage("", tool_calls=[tool_call(name="f", args={"a": 1}, id="1")]),
    ToolMessage("2", tool_call_id="1"),
]
CODER = {"model_engine": "vLLM", "model_family": "qwen2.5-coder-instruct"}


def sent_arguments(server):
    return server.bodies[-1]["messages"][1]["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize(
    "known", [{}, {"engine": "vLLM"}, {"engine": "vLLM", "profile": {"tool_calling": True}}]
)
async def test_a_model_is_described_once_to_send_earlier_calls_correctly(server, known):
    server[CHAT] = [(200, WHOLE)]
    server[DESCRIPTION] = [(200, CODER)]
    llm = ChatXinference(server.endpoint, "tiny", **known)
    llm.invoke("x")
    assert server.paths == ["/v1/chat/completions"]
    llm.invoke(HISTORY)
    assert sent_arguments(server) == {"a": 1}
    await llm.ainvoke(HISTORY)
    assert sent_arguments(server) == {"a": 1}
    assert server.paths.count("/v1/models/tiny") == 1


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ({"engine": "llama.cpp"}, '{"a": 1}'),
        ({"engine": "vLLM", "profile": {"name": "qwen3"}}, '{"a": 1}'),
        ({"engine": "vLLM", "profile": {"name": "qwen2.5-instruct"}}, {"a": 1}),
    ],
)
def test_what_is_known_about_a_model_is_not_looked_up(server, known, wanted):
    server[CHAT] = [(200, WHOLE)]
    ChatXinference(server.endpoint, "tiny", **known).invoke(HISTORY)
    assert sent_arguments(server) == wanted
    assert server.paths == ["/v1/chat/completions"]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_the_engine_is_asked_for_before_a_schema_is_given(server, method):
    """A model whose engine nobody named warns of what it ignores, and its errors say more."""
    server[DESCRIPTION] = [(200, {"model_engine": "transformers", "model_family": "qwen2.5"})]
    server[CHAT] = [(200, recorded.whole({"content": "Ada, 36"}))]
    schema = {"title": "Person", "description": "A person.", "type": "object", "properties": {}}
    llm = ChatXinference(server.endpoint, "tiny").with_structured_output(schema, method=method)
    warned, error = "engine ignores|did not call", "The transformers engine"
    with (
        pytest.warns(IgnoredByEngineWarning, match=warned),
        pytest.raises(OutputParserException, match=error),
    ):
        llm.invoke("x")
    with (
        pytest.warns(IgnoredByEngineWarning, match=warned),
        pytest.raises(OutputParserException, match=error),
    ):
        await llm.ainvoke("x")
    assert server.paths.count("/v1/models/tiny") == 1


@pytest.mark.parametrize(
    ("engine", "option", "warned"),
    [
        ("transformers", {"seed": 1}, "ignores seed"),
        ("transformers", {"frequency_penalty": 0.5}, "ignores frequency_penalty"),
        ("llama.cpp", {"repetition_penalty": 1.2}, "ignores repetition_penalty"),
        ("vLLM", {"ignore_eos": True}, "ignores ignore_eos"),
        ("vLLM", {"enable_thinking": True}, "not listed as a reasoning model"),
        ("llama.cpp", {"seed": 1}, None),
        ("transformers", {"frequency_penalty": 0}, None),
    ],
)
async def test_the_engine_is_asked_for_if_one_ignores_an_option(server, engine, option, warned):
    server[DESCRIPTION] = [(200, {"model_engine": engine, "model_ability": ["chat"]})]
    server[CHAT] = [(200, recorded.whole({"content": "Hello!"}))]
    for llm in (
        ChatXinference(server.endpoint, "tiny").bind(**option),
        ChatXinference(server.endpoint, "tiny", **option),
    ):
        if warned is None:
            assert llm.invoke("x").text == "Hello!"
            continue
        with pytest.warns(IgnoredByEngineWarning, match=warned):
            llm.invoke("x")
        with pytest.warns(IgnoredByEngineWarning, match=warned):
            await llm.ainvoke("x")
    asks = 0 if option == {"frequency_penalty": 0} else 2  # once for each object
    assert server.paths.count("/v1/models/tiny") == asks
