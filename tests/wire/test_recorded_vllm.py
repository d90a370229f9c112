"""Responses of vLLM 0.32 on Xinference 4.1, as received: `recorded_vllm.json` next to this module.

The model was Qwen2.5-Coder-0.5B-Instruct at temperature 0. Its mistakes are kept: it called a
tool again that had already answered. Ids and times are left out.
"""

import json
from pathlib import Path

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import ChatXinference
from xinference_magics.wire.profile import model_profile

RECORDED = json.loads(Path(__file__).with_name("recorded_vllm.json").read_text("utf-8"))
WAYS = pytest.mark.parametrize("way", ["whole", "streamed"])


@tool
def get_weather(city: str) -> str:
    """Get the current weather of a city."""
    raise NotImplementedError


@tool
def add(a: int, b: int) -> int:
    """Add two integers."""
    raise NotImplementedError


class Person(BaseModel):
    """A person."""

    name: str
    age: int


TOOLS = {"tools": [get_weather, add]}
WEATHER_IN = {city: ("get_weather", {"city": city}) for city in ("Paris", "Rome", "New York")}
NO_DATA = (
    "As an AI language model, I do not have real-time weather data, but I can tell you that Paris "
    "is currently experiencing a mild and sunny weather"
)
CATS = "Sure! Here's a joke about cats:\n\nWhy did the cat sleep?\n\nBecause he had a bath!"
# The case -> the bound parameters, the text, the calls, and the finish reason.
CASES = {
    "text": ({}, 'Hello in English is "Hello".', [], "stop"),
    "a call": (TOOLS, "", [WEATHER_IN["Paris"]], "tool_calls"),
    "two calls": (TOOLS, "", [WEATHER_IN["Paris"], WEATHER_IN["Rome"]], "tool_calls"),
    "a joke beside tools": (TOOLS, CATS, [], "stop"),
    "no tool": ({**TOOLS, "tool_choice": "none"}, NO_DATA, [], "length"),
    "a call that is required": (
        {**TOOLS, "tool_choice": "any"},
        "",
        [WEATHER_IN["New York"], ("add", {"a": 5, "b": 3})],
        "tool_calls",
    ),
    "a call of a tool that is named": (
        {**TOOLS, "tool_choice": "add"},
        "",
        [("add", {"a": 25, "b": 10})],
        "tool_calls",
    ),
    "an answer to a result": (TOOLS, "", [WEATHER_IN["Paris"]], "tool_calls"),
    "a call after a result": (
        {**TOOLS, "tool_choice": "get_weather"},
        "",
        [WEATHER_IN["Rome"]],
        "tool_calls",
    ),
}


def replaying(name):
    """Return a server that responds as vLLM did."""
    return ScriptedServer(
        *(
            Reply(body=answer["whole"]) if "whole" in answer else Stream(answer["stream"])
            for answer in RECORDED[name]
        )
    )


def model(server):
    profile = model_profile(("chat", "tools"), 4096, "vLLM", "qwen2.5-coder-instruct")
    return ChatXinference(server.endpoint, "coder-0.5b", engine="vLLM", profile=profile)


async def answer_to(bound, way):
    if way == "whole":
        return bound.invoke("x")
    first, *rest = [chunk async for chunk in bound.astream("x")]
    return sum(rest, first)


@WAYS
@pytest.mark.parametrize("name", CASES)
async def test_an_answer(name, way):
    parameters, text, calls, finish = CASES[name]
    with replaying(f"{name}, {way}") as server:
        llm = model(server)
        bound = llm.bind_tools(**parameters) if parameters else llm
        answer = await answer_to(bound, way)
    assert answer.content == text
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == calls
    assert not answer.invalid_tool_calls
    assert answer.response_metadata["finish_reason"] == finish
    assert answer.usage_metadata["output_tokens"] == tokens_of(f"{name}, {way}")


def tokens_of(name):
    *_, last = RECORDED[name]
    usage = last["whole"]["usage"] if "whole" in last else last["stream"][-1]["usage"]
    return usage["completion_tokens"]


@WAYS
async def test_logprobs(way):
    with replaying(f"logprobs, {way}") as server:
        answer = await answer_to(model(server).bind(logprobs=True, top_logprobs=2), way)
    tokens = answer.response_metadata["logprobs"]["content"]
    assert "".join(each["token"] for each in tokens) == answer.content == "Hello! How"
    assert {len(each["top_logprobs"]) for each in tokens} == {2}


@WAYS
async def test_a_schema(way):
    with replaying(f"a form, {way}") as server:
        structured = model(server).with_structured_output(Person)
        made = structured.invoke("x") if way == "whole" else list(structured.stream("x"))[-1]
    assert made == Person(name="Ada", age=36)


async def test_an_aborted_stream_says_so():
    with replaying("aborted, streamed") as server:
        answer = await answer_to(model(server), "streamed")
    assert answer.content == "To count from 1"
    assert answer.response_metadata["finish_reason"] == "abort"
