"""A tool choice as a schema for the engine to follow: what is sent, and to which engine."""

import json
from typing import Literal

import pytest
import recorded
from jsonschema import Draft202012Validator
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

from xinference_magics.wire.answer import to_message
from xinference_magics.wire.engines import ignored_in_chat
from xinference_magics.wire.grammar import followable, unfollowed
from xinference_magics.wire.request import ModelDefaults, chat_request
from xinference_magics.wire.tools import tool_dicts


class Street(BaseModel):
    """A street."""

    name: str
    number: int


class Address(BaseModel):
    """Write an address down."""

    street: Street
    kind: Literal["home", "work"]


def get_weather(city: str) -> str:
    """Get the weather."""
    return city


def get_time() -> str:
    """Get the time."""
    return ""


TOOLS = [get_weather, get_time]
PARIS = {"name": "get_weather", "arguments": {"city": "Paris"}}
TIME = {"name": "get_time", "arguments": {}}
STREET = {"street": {"name": "Bank", "number": 1}, "kind": "home"}


def request(engine="llama.cpp", messages="What is the weather?", *, family=None, **call):
    model = ModelDefaults(
        model_uid="tiny", engine=engine, family=family, thinks=call.pop("thinks", None)
    )
    asked = [HumanMessage(messages)] if isinstance(messages, str) else messages
    return chat_request(asked, model, call)


def schema_of(body):
    return body["response_format"]["json_schema"]["schema"]


def free(**schema):
    """Do anything."""
    function = {"name": "free", "description": "", "parameters": {"type": "object", **schema}}
    return {"type": "function", "function": function}


@pytest.mark.parametrize("schema", [{}, {"required": ["a"]}])
def test_a_tool_that_takes_anything(schema):
    body = request(tools=[free(**schema)], tool_choice="free").body
    assert fits(body, {"name": "free", "arguments": {"a": 1}})


def fits(body, answer):
    return Draft202012Validator(schema_of(body)).is_valid(answer)


@pytest.mark.parametrize("engine", ["llama.cpp", "vLLM", "SGLang"])
@pytest.mark.parametrize("choice", ["any", "required", True, {"type": "any"}])
def test_required_asks_for_a_list_of_calls(engine, choice):
    made = request(engine, tools=TOOLS, tool_choice=choice)
    assert "tool_choice" not in made.body
    assert ("tools" in made.body) is (engine != "llama.cpp")
    for answer in ([PARIS], [TIME, PARIS], [PARIS] * 8):
        assert fits(made.body, answer)
    for wrong in (PARIS, [], [PARIS] * 9, [{**PARIS, "arguments": {}}], [{**TIME, "name": "x"}]):
        assert not fits(made.body, wrong)
    assert (made.choice, made.tools) == ("required", tool_dicts(TOOLS))


@pytest.mark.parametrize(
    ("call", "fitting", "wrong"),
    [
        ({"tool_choice": "any", "parallel_tool_calls": False}, [PARIS, TIME], [[PARIS]]),
        ({"tool_choice": "get_weather"}, [PARIS], [TIME, [PARIS]]),
        ({"tool_choice": {"type": "tool", "name": "get_time"}}, [TIME], [PARIS]),
    ],
)
def test_one_call_is_an_object(call, fitting, wrong):
    body = request(tools=TOOLS, **call).body
    assert "parallel_tool_calls" not in body
    assert all(fits(body, answer) for answer in fitting)
    assert not any(fits(body, answer) for answer in wrong)


@pytest.mark.parametrize(
    ("engine", "call"),
    [
        ("transformers", {"tool_choice": "any"}),
        (None, {"tool_choice": "any"}),
        ("llama.cpp", {}),
        ("llama.cpp", {"tool_choice": "auto"}),
        ("vllm", {"tool_choice": "any", "response_format": {"type": "json_object"}}),
    ],
)
def test_choices_that_are_sent_unchanged(engine, call):
    made = request(engine, tools=TOOLS, **call)
    assert made.forced is None
    assert made.body["tools"] == tool_dicts(TOOLS)
    assert made.body.get("response_format") == call.get("response_format")


def test_none_offers_no_tools():
    body = request(tools=TOOLS, tool_choice="none").body
    assert not {"tools", "tool_choice", "response_format"} & body.keys()


def test_references_resolve_within_their_own_tool():
    other = {
        "name": "other",
        "parameters": {
            "$defs": {"Street": {"type": "null"}},
            "properties": {"street": {"$ref": "#/$defs/Street"}},
            "type": "object",
            "required": ["street"],
        },
    }
    body = request(tools=[Address.model_json_schema(), other], tool_choice="any").body
    assert fits(body, [{"name": "Address", "arguments": STREET}])
    assert fits(body, [{"name": "other", "arguments": {"street": None}}])
    assert not fits(body, [{"name": "other", "arguments": STREET}])


def test_a_schema_that_refers_to_itself():
    parameters = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "next": {"$ref": "#"}},
        "required": ["name"],
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    body = request(tools=[tool], tool_choice="f").body
    assert fits(body, {"name": "f", "arguments": {"name": "a", "next": {"name": "b"}}})
    assert not fits(body, {"name": "f", "arguments": {"name": "a", "next": {"name": 1}}})


QWEN = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>

For this response, call the required tool(s). \
Return only a JSON array of objects with name and arguments."""


@pytest.mark.parametrize(
    ("family", "system", "before"),
    [
        ("qwen3", None, ""),
        ("qwen2.5-coder-instruct", None, "You are a helpful assistant.\n\n"),
        ("Qwen2.5-instruct", "Be brief.", "Be brief.\n\n"),
    ],
)
def test_llama_cpp_gets_the_tools_in_the_format_of_the_family(family, system, before):
    asked = [SystemMessage(system)] if system else []
    made = request(
        messages=[*asked, HumanMessage("x")], family=family, tools=TOOLS, tool_choice="any"
    )
    lines = "\n".join(json.dumps(tool) for tool in tool_dicts(TOOLS))
    assert made.body["messages"] == [
        {"role": "system", "content": before + QWEN.format(tools=lines)},
        {"role": "user", "content": "x"},
    ]


def test_other_families_get_the_wording_of_the_server():
    system = SystemMessage([{"type": "text", "text": "Be brief."}])
    body = request(
        messages=[system, HumanMessage("x")], family="glm4", tools=TOOLS, tool_choice="get_time"
    ).body
    said = json.dumps(body["messages"][0]["content"])
    assert "Be brief." in said
    assert "Return only a JSON object with name and arguments. Use the following" in said
    assert "get_time" in said
    assert "get_weather" not in said


def test_earlier_calls_and_results_stay_in_the_history():
    history = [
        HumanMessage("x"),
        AIMessage("", tool_calls=[{"name": "get_time", "args": {}, "id": "1"}]),
        ToolMessage("noon", tool_call_id="1"),
    ]
    sent = request(messages=history, tools=TOOLS, tool_choice="any").body["messages"]
    assert [each["role"] for each in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["tool_calls"][0]["function"]["name"] == "get_time"


@pytest.mark.parametrize(
    ("engine", "call", "unthinking"),
    [
        ("llama.cpp", {"enable_thinking": True}, True),
        ("llama.cpp", {"thinks": True}, True),
        ("llama.cpp", {"thinks": True, "enable_thinking": False}, False),
        ("llama.cpp", {}, False),
        ("vllm", {"thinks": True}, False),
        ("vllm", {"enable_thinking": True}, True),
    ],
)
def test_a_forced_call_turns_thinking_off_and_reports_it(engine, call, unthinking):
    made = request(engine, tools=TOOLS, tool_choice="any", **call)
    said = list(ignored_in_chat(made))
    assert said == (["tiny does not reason when a tool call is forced."] if unthinking else [])
    assert made.body.get("enable_thinking") is (
        False if unthinking else call.get("enable_thinking")
    )
    assert made.without_thinking


def test_a_choice_that_cannot_be_enforced_is_limited():
    form = {"type": "json_object"}
    made = request(tools=TOOLS, tool_choice="any", response_format=form)
    assert made.body["max_tokens"] == 2048
    assert "max_tokens is 2048" in next(iter(ignored_in_chat(made)))
    made = request(tools=TOOLS, tool_choice="any", response_format=form, max_tokens=9)
    assert made.body["max_tokens"] == 9
    assert not list(ignored_in_chat(made))


@pytest.mark.parametrize("choice", ["any", "get_time"])
def test_a_choice_is_limited_if_the_engine_is_unknown(choice):
    made = request(None, tools=TOOLS, tool_choice=choice)
    assert made.body["max_tokens"] == 2048
    assert not list(ignored_in_chat(made))  # it may be one that enforces the choice
    assert request(None, tools=TOOLS, tool_choice=choice, max_tokens=9).body["max_tokens"] == 9
    for free in (None, "auto", "none"):
        assert "max_tokens" not in request(None, tools=TOOLS, tool_choice=free).body
    assert "max_tokens" not in request("transformers", tools=TOOLS, tool_choice=choice).body


BEYOND = {
    "type": "object",
    "properties": {
        "pattern": {"type": "string", "pattern": "^(?=a)"},
        "not": {"type": "any", "enum": ["not"]},
        "page": {"type": "string", "format": "uri"},
        "tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        "either": {"oneOf": [{"type": "number"}, {"type": "integer"}]},
        "day": {"type": "string", "format": "date", "pattern": "^2"},
    },
}


def test_keywords_that_llama_cpp_cannot_follow_are_dropped_and_reported():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": BEYOND}}
    made = request(response_format=form)
    assert schema_of(made.body)["properties"] == {
        "pattern": {"type": "string"},
        "not": {"enum": ["not"]},
        "page": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "either": {"anyOf": [{"type": "number"}, {"type": "integer"}]},
        "day": {"type": "string", "format": "date", "pattern": "^2"},
    }
    [said] = ignored_in_chat(made)
    assert said == (
        "The llama.cpp engine cannot follow pattern '^(?=a)', type 'any', format 'uri', "
        "uniqueItems of the schema."
    )
    assert request("vllm", response_format=form).body["response_format"] == form


def test_a_schema_that_can_be_followed_is_sent_unchanged():
    schema = Address.model_json_schema()
    assert not list(unfollowed(schema))
    assert followable(schema) == schema
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert request(response_format=form).body["response_format"] == form


@pytest.mark.parametrize("engine", ["transformers", "MLX"])
@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            {"tool_choice": "any"},
            "call the required tool(s). Return only a JSON array of objects with name and",
        ),
        (
            {"tool_choice": "any", "parallel_tool_calls": False},
            "call the required tool. Return only a JSON object with name and",
        ),
        (
            {"tool_choice": "get_time"},
            "call the tool get_time. Return only a JSON object with name and",
        ),
    ],
)
def test_an_engine_that_enforces_nothing_is_asked_in_words(engine, call, told):
    told = f"For this response, {told} arguments."
    body = request(engine, family="Qwen2.5-instruct", tools=TOOLS, **call).body
    assert [each["role"] for each in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"].startswith("You are Qwen, created by Alibaba Cloud.")
    assert body["messages"][0]["content"].endswith(f"\n\n{told}")
    assert len(body["tools"]) == 2
    assert body["tool_choice"]

    mine = [SystemMessage("Be brief."), HumanMessage("Now?")]
    body = request(engine, mine, family="Qwen2.5-instruct", tools=TOOLS, **call).body
    assert body["messages"][0]["content"] == f"Be brief.\n\n{told}"
    assert request(engine, tools=TOOLS, **call).body["messages"][0]["content"] == told


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_nothing_is_asked_in_words_where_no_call_is_required(choice):
    body = request("transformers", tools=TOOLS, tool_choice=choice).body
    assert [each["role"] for each in body["messages"]] == ["user"]


def test_none_in_extra_body_offers_no_tools():
    extra = {"tools": tool_dicts(TOOLS), "tool_choice": "none"}
    assert not {"tools", "tool_choice"} & request("transformers", extra_body=extra).body.keys()


@pytest.mark.parametrize("engine", ["llama.cpp", "vLLM"])
def test_a_forced_call_of_a_model_that_always_reasons_says_that_it_does_not(engine):
    made = request(engine, family="Qwen3-Thinking", thinks=True, tools=TOOLS, tool_choice="any")
    assert made.body["enable_thinking"] is False
    assert list(ignored_in_chat(made)) == ["tiny does not reason when a tool call is forced."]


@pytest.mark.parametrize("before", ["<think>\n", "\n<think>\n\n", ""])
def test_a_forced_call_is_read_after_a_tag_that_the_server_adds(before):
    made = request("vLLM", family="Qwen3-Thinking", thinks=True, tools=TOOLS, tool_choice="any")
    answer = to_message(recorded.whole({"content": f"{before}{json.dumps([PARIS])}"}), made)
    assert [(each["name"], each["args"]) for each in answer.tool_calls] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert not answer.text
