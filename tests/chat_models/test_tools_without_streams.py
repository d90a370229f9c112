"""Xinference 1.x servers that do not stream if tools are offered: the answer comes whole."""

import pytest
from scripted_server import ScriptedServer

from xinference_magics import ChatXinference
from xinference_magics.errors import BadRequestError

REFUSAL = (
    "Streaming support for tool calls is available only when using Qwen models with vLLM "
    "backend or GLM4-chat models without vLLM backend."
)
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
WHOLE = {
    "choices": [
        {
            "message": {"role": "assistant", "content": None, "tool_calls": [CALL]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


@pytest.fixture
def answers():
    with ScriptedServer() as made:
        yield made


@pytest.fixture
def llm(answers):
    return ChatXinference(answers.endpoint, "m")


def check(message, answers):
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert message.usage_metadata["total_tokens"] == 12
    assert [body.get("stream", False) for body in answers.bodies] == [True, False]
    assert "stream_options" not in answers.bodies[1]


def merged(chunks):
    first, *others = chunks
    return first + others


def test_the_whole_answer_is_requested(answers, llm):
    answers["POST /v1/chat/completions"] = [(400, {"detail": REFUSAL}), (200, WHOLE)]
    check(merged(llm.bind_tools([TOOL]).stream("How is the weather?")), answers)


async def test_the_same_asynchronously(answers, llm):
    answers["POST /v1/chat/completions"] = [(400, {"detail": REFUSAL}), (200, WHOLE)]
    stream = llm.bind_tools([TOOL]).astream("How is the weather?")
    check(merged([chunk async for chunk in stream]), answers)


async def test_any_other_refusal_is_raised(answers, llm):
    answers["POST /v1/chat/completions"] = [(400, {"detail": "Only X support tool calls"})]
    with_tools = llm.bind_tools([TOOL])
    with pytest.raises(BadRequestError, match="Only X"):
        list(with_tools.stream("Hello"))
    with pytest.raises(BadRequestError, match="Only X"):
        [chunk async for chunk in with_tools.astream("Hello")]
