"""Reasoning in whole answers: if the server omits it, the answer is requested as a stream."""

import pytest
import recorded
from langchain_core.messages import AIMessage
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference

WHOLE = Reply(body=recorded.whole({"content": "4."}))
THOUGHT = recorded.llama({"reasoning_content": "I "}, {"reasoning_content": "add."}, "4", ".")
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


@pytest.fixture
def server():
    with ScriptedServer(Stream(THOUGHT)) as server:
        yield server


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


async def both(llm, **call):
    return [llm.invoke("x", **call), await llm.ainvoke("x", **call)]


@pytest.mark.parametrize(
    ("fields", "call"),
    [
        ({"engine": "llama.cpp", "enable_thinking": True}, {}),
        ({"engine": "llama.cpp"}, {"enable_thinking": True}),
        ({"engine": "llama.cpp", "profile": {"reasoning_output": True}}, {}),
        ({"enable_thinking": True, "stream_usage": False}, {}),
        ({"engine": "vLLM"}, {"enable_thinking": True, "model": "other"}),
    ],
)
async def test_the_reasoning_is_kept(server, fields, call):
    for answer in await both(model(server, **fields), **call):
        assert type(answer) is AIMessage
        assert answer.additional_kwargs == {"reasoning_content": "I add."}
        assert answer.content == "4."
        assert answer.usage_metadata["total_tokens"] == 36
        assert answer.response_metadata["finish_reason"] == "stop"
        assert answer.response_metadata["model_name"] == call.get("model", "tiny")
    assert [body["stream"] for body in server.bodies] == [True, True]


@pytest.mark.parametrize(
    ("fields", "call"),
    [
        ({"engine": "llama.cpp"}, {}),
        ({"engine": "llama.cpp", "profile": {"reasoning_output": False}}, {}),
        ({"engine": "llama.cpp", "profile": {"reasoning_output": True}}, {"model": "other"}),
        (
            {"engine": "llama.cpp", "profile": {"reasoning_output": True}},
            {"enable_thinking": False},
        ),
        ({"engine": "Transformers", "enable_thinking": True}, {}),
    ],
)
async def test_no_stream_if_none_is_needed(fields, call):
    with ScriptedServer(WHOLE) as server:
        for answer in await both(model(server, **fields), **call):
            assert answer.content == "4."
    assert ["stream" in body for body in server.bodies] == [False, False]


async def test_in_blocks(server):
    llm = model(server, engine="llama.cpp", enable_thinking=True, output_version="v1")
    for answer in await both(llm):
        assert [block["type"] for block in answer.content] == ["reasoning", "text"]


async def test_calls_and_log_probabilities_come_from_the_stream():
    call = [recorded.call_begin("f"), recorded.call_more('"a": 1}')]
    chunks = recorded.llama({"reasoning_content": "I call."}, *call, finish="tool_calls")
    chunks[1]["choices"][0]["logprobs"] = {"content": [{"token": "I", "logprob": -0.5}]}
    with ScriptedServer(Stream(chunks)) as server:
        llm = model(server, engine="llama.cpp", enable_thinking=True).bind_tools([TOOL])
        for answer in await both(llm, logprobs=True):
            assert [each["args"] for each in answer.tool_calls] == [{"a": 1}]
            assert answer.response_metadata["finish_reason"] == "tool_calls"
            assert len(answer.response_metadata["logprobs"]["content"]) == 1
