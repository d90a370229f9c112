"""LangChain's agents and their middleware, over a real socket."""

import json
import warnings

import pytest
import recorded
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware, SummarizationMiddleware
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel
from scripted_server import Reply, ScriptedServer, Stream
from typing_extensions import TypedDict

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    ModelNotFoundError,
    PermissionDeniedError,
)
from xinference_magics.wire.profile import model_profile

HELLO = Reply(body=recorded.whole({"content": "Hello!"}))
ASKED = {"messages": [{"role": "user", "content": "Hi"}]}
TOO_LONG = Reply(400, {"detail": "This model's maximum context length is 4096 tokens."})


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


def asking(server, *middleware, **options):
    return create_agent(model(server), middleware=middleware, **options)


async def both(agent):
    """Ask synchronously, then asynchronously."""
    return [agent.invoke(ASKED), await agent.ainvoke(ASKED)]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Reply(401, {"detail": "Could not validate credentials"}), AuthenticationError),
        (Reply(403, {"detail": "Not enough permissions"}), PermissionDeniedError),
        (Reply(404, {"detail": "Model not found in the model list, uid: x"}), ModelNotFoundError),
        (Reply(400, {"detail": "Invalid value"}), BadRequestError),
        (TOO_LONG, ContextLengthError),
    ],
)
async def test_permanent_errors_are_not_retried(refusal, error):
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, on_failure="error")
    with ScriptedServer(refusal) as server:
        with pytest.raises(error):
            asking(server, retry).invoke(ASKED)
        with pytest.raises(error):
            await asking(server, retry).ainvoke(ASKED)
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    "passing",
    [
        Reply(429, {"detail": "Rate limit reached"}),
        Reply(500, {"detail": "CUDA error"}),
        Reply(502, "Bad Gateway"),
        Reply(503, {"detail": "Model is loading"}),
    ],
)
async def test_temporary_errors_are_retried(passing):
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, on_failure="error")
    with ScriptedServer(passing, passing, HELLO) as server:
        assert asking(server, retry).invoke(ASKED)["messages"][-1].text == "Hello!"
        assert len(server.bodies) == 3
    with ScriptedServer(passing, passing, HELLO) as server:
        answer = await asking(server, retry).ainvoke(ASKED)
        assert answer["messages"][-1].text == "Hello!"


async def test_a_summary_that_is_too_long_is_cut():
    said = [kind(f"It is {n}. " * 40) for n in range(4) for kind in (HumanMessage, AIMessage)]
    for way in ("sync", "async"):
        with ScriptedServer(TOO_LONG, HELLO) as server:
            summarize = SummarizationMiddleware(
                model(server), trigger=("messages", 4), keep=("messages", 1)
            )
            agent = asking(server, summarize)
            history = {"messages": [*said, HumanMessage("And now?")]}
            answer = agent.invoke(history) if way == "sync" else await agent.ainvoke(history)
        assert answer["messages"][-1].text == "Hello!"
        refused, cut, asked = server.bodies
        assert len(json.dumps(cut)) < len(json.dumps(refused))
        assert "Hello!" in asked["messages"][0]["content"]


def test_langchain_s_names_catch_our_errors():
    with ScriptedServer(TOO_LONG) as server, pytest.raises(ContextOverflowError) as caught:
        model(server).invoke("x")
    assert caught.value.status == 400
    limited = Reply(429, {"detail": "Rate limit reached"}, {"Retry-After": "7"})
    with ScriptedServer(limited) as server, pytest.raises(ModelRateLimitError) as caught:
        list(model(server).stream("x"))
    assert caught.value.retry_after == 7


class Weather(BaseModel):
    """The weather."""

    city: str
    sky: str


class WeatherDict(TypedDict):
    """The weather."""

    city: str
    sky: str


SUNNY = {"city": "Paris", "sky": "sunny"}
SCHEMA = {**Weather.model_json_schema(), "description": "The weather."}


@tool
def get_weather(city: str) -> str:
    """Get the weather."""
    return f"sunny in {city}"


def calling(*calls, text=""):
    sent = [
        {
            "index": n,
            "id": f"call{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for n, (name, arguments) in enumerate(calls)
    ]
    return recorded.whole({"content": text, "tool_calls": sent}, "tool_calls")


def follows(server, engine="llama.cpp"):
    return model(server, engine=engine, profile=model_profile(("chat", "tools"), 4096, engine))


async def structured(agent):
    return [(await agent.ainvoke(ASKED)), agent.invoke(ASKED)]


@pytest.mark.parametrize("engine", ["llama.cpp", "vLLM", "SGLang"])
@pytest.mark.parametrize(
    ("schema", "result"), [(Weather, Weather(**SUNNY)), (WeatherDict, SUNNY), (SCHEMA, SUNNY)]
)
async def test_an_engine_that_follows_a_schema_follows_the_agent_s(engine, schema, result):
    with ScriptedServer(Reply(body=recorded.whole({"content": json.dumps(SUNNY)}))) as server:
        agent = create_agent(follows(server, engine), response_format=schema)
        for answer in await structured(agent):
            assert answer["structured_response"] == result
            assert answer["messages"][-1].text == json.dumps(SUNNY)
    body = server.bodies[0]
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["city", "sky"]
    assert not body.get("tools")


async def test_other_engines_call_a_tool_instead():
    with ScriptedServer(Reply(body=calling(("Weather", SUNNY)))) as server:
        llm = model(server, profile=model_profile(("chat", "tools"), 4096, "transformers"))
        for answer in await structured(create_agent(llm, response_format=Weather)):
            assert answer["structured_response"] == Weather(**SUNNY)
    assert "response_format" not in server.bodies[0]


@pytest.mark.parametrize("engine", ["llama.cpp", "vLLM"])
async def test_an_answer_schema_alongside_tools(engine):
    """The two exclude each other on the wire, so the schema is sent as one more tool."""
    asked = Reply(body=calling(("get_weather", {"city": "Paris"})))
    answered = Reply(body=calling(("Weather", SUNNY)))
    with ScriptedServer(asked, answered, asked, answered) as server:
        agent = create_agent(follows(server, engine), [get_weather], response_format=Weather)
        for answer in await structured(agent):
            assert answer["structured_response"] == Weather(**SUNNY)
            kinds = [each.type for each in answer["messages"]]
            assert kinds == ["human", "ai", "tool", "ai"]
            assert answer["messages"][-1].text == json.dumps(SUNNY)
            assert answer["messages"][-1].usage_metadata["total_tokens"] == 36
    for body in server.bodies:
        schema = body["response_format"]["json_schema"]["schema"]
        names = [each["properties"]["name"]["const"] for each in schema["items"]["anyOf"]]
        assert names == ["get_weather", "Weather"]


async def test_an_agent_with_an_answer_schema_can_be_streamed():
    chunks = recorded.llama(
        recorded.call_begin("Weather"),
        recorded.call_more(json.dumps(SUNNY)[1:]),
        finish="tool_calls",
    )
    with ScriptedServer(Stream(chunks)) as server:
        agent = create_agent(follows(server), [get_weather], response_format=Weather)
        values = [*agent.stream(ASKED, stream_mode=["messages", "values"])]
        values += [each async for each in agent.astream(ASKED, stream_mode=["messages", "values"])]
    last = [value for mode, value in values if mode == "values" and "structured_response" in value]
    assert [each["structured_response"] for each in last] == [Weather(**SUNNY)] * 2


FORM = {"type": "json_schema", "json_schema": {"name": "Weather", "schema": SCHEMA}}
BOTH_CALLED = (("Weather", SUNNY), ("get_weather", {"city": "Paris"}))


def test_an_answer_before_the_tool_results_is_dropped():
    with ScriptedServer(Reply(body=calling(*BOTH_CALLED))) as server:
        answer = follows(server).bind_tools([get_weather], response_format=FORM).invoke("x")
    assert [call["name"] for call in answer.tool_calls] == ["get_weather"]
    assert answer.text == ""


def test_a_streamed_answer_is_also_text():
    pieces = [
        recorded.call_begin("Weather"),
        recorded.call_more(json.dumps(SUNNY)[1:]),
    ]
    with ScriptedServer(Stream(recorded.llama(*pieces, finish="tool_calls"))) as server:
        first, *others = follows(server).bind_tools([get_weather], response_format=FORM).stream("x")
    answer = sum(others, first)
    assert answer.text == json.dumps(SUNNY)
    assert not answer.tool_calls
    assert not answer.tool_call_chunks


@pytest.mark.parametrize(
    ("tools", "options"),
    [
        ([], {}),
        ([get_weather], {"tool_choice": "any"}),
        ([get_weather], {"tool_choice": "none"}),
    ],
)
def test_an_answer_schema_stays_a_response_format_if_possible(tools, options):
    with ScriptedServer(HELLO) as server:
        bound = follows(server).bind_tools(tools, response_format=FORM, **options)
        assert bound.kwargs["response_format"] == FORM


@pytest.mark.parametrize("engine", ["llama.cpp", "Transformers"])
async def test_an_answer_schema_beside_tools_waits_for_the_engine(engine):
    """llama.cpp fails if both are sent; other engines take both."""
    called = calling(("Weather", SUNNY))
    with ScriptedServer() as server:
        server["GET /v1/models/tiny"] = [(200, {"model_name": "tiny", "model_engine": engine})]
        server["POST /v1/chat/completions"] = [(200, called)]
        bound = ChatXinference(server.endpoint, "tiny").bind_tools(
            [get_weather], response_format=FORM
        )
        assert not server.paths
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = [bound.invoke("x"), await bound.ainvoke("x")]
        bodies = [each for each in server.bodies if "messages" in each]
    if engine == "llama.cpp":
        assert [answer.text for answer in answers] == [json.dumps(SUNNY)] * 2
        assert "tools" not in bodies[0]
    else:
        assert bodies[0]["response_format"] == FORM
        assert [tool["function"]["name"] for tool in bodies[0]["tools"]] == ["get_weather"]
