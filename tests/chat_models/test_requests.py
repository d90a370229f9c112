"""What goes over the wire, for every spelling that a user may know from elsewhere."""

import json

import pytest
import recorded
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field, ValidationError
from scripted_server import Reply, ScriptedServer

from xinference_magics import XinferenceEmbeddings, XinferenceRerank
from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError

DATA = "AAAA"


@pytest.fixture
def server():
    with ScriptedServer(Reply(body=recorded.whole({"content": "Hello!"}))) as server:
        yield server


@pytest.fixture
def sent(server):
    """Ask a model and return the request body."""

    def send(messages="x", engine=None, bound=lambda llm: llm):
        bound(ChatXinference(server.endpoint, "tiny", engine=engine)).invoke(messages)
        return server.bodies[-1]

    return send


@tool
def get_weather(city: str, days: int = 1) -> str:
    """Tell the weather."""
    return f"{city} {days}"


class Add(BaseModel):
    """Add two numbers."""

    a: int = Field(description="The first.")
    b: int


NAMED = {"type": "function", "function": {"name": "Add"}}


@pytest.mark.filterwarnings("ignore:tiny (did not call|called no)")
@pytest.mark.parametrize(
    ("choice", "sent_as"),
    [
        (None, None),
        (False, None),
        ("auto", "auto"),
        ("none", None),
        ("any", "required"),
        (True, "required"),
        ("required", "required"),
        ("Add", NAMED),
        (NAMED, NAMED),
        ({"name": "Add"}, NAMED),
        ({"type": "tool", "name": "Add"}, NAMED),
        ({"type": "any"}, "required"),
        ({"type": "none"}, None),
    ],
)
def test_every_spelling_of_a_tool_choice(sent, choice, sent_as):
    body = sent(bound=lambda llm: llm.bind_tools([get_weather, Add], tool_choice=choice))
    assert body.get("tool_choice") == sent_as
    assert ("tools" in body) is (choice not in ("none", {"type": "none"}))
    assert body == sent(
        bound=lambda llm: llm.bind(tools=[get_weather, Add], tool_choice=choice)
    ) | {"request_id": body["request_id"]}


def test_a_tool_is_sent_in_openai_s_format():
    anthropic = {"name": "f", "description": "Do it.", "input_schema": {"type": "object"}}
    schema = {"title": "g", "description": "Do it.", "type": "object", "properties": {}}
    llm = ChatXinference(model="tiny")
    body = llm.bind_tools([get_weather, Add, anthropic, schema]).kwargs["tools"]
    assert body[0] == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tell the weather.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer", "default": 1},
                },
                "required": ["city"],
            },
        },
    }
    assert [each["function"]["name"] for each in body] == ["get_weather", "Add", "f", "g"]


@pytest.mark.parametrize("strict", [None, True, False])
@pytest.mark.parametrize("parallel", [None, True, False])
def test_strict_and_parallel_calls(sent, strict, parallel):
    body = sent(
        bound=lambda llm: llm.bind_tools([Add], strict=strict, parallel_tool_calls=parallel)
    )
    assert body["tools"][0]["function"].get("strict") is strict
    assert body.get("parallel_tool_calls") is parallel


PARAMETERS = {
    "type": "object",
    "properties": {"a": {"description": "The first.", "type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
CLOSED = {**PARAMETERS, "additionalProperties": False}


@pytest.mark.filterwarnings("ignore:tiny did not call")
@pytest.mark.parametrize("include_raw", [True, False])
@pytest.mark.parametrize("strict", [None, True, False])
class TestStructure:
    def send(self, server, method, strict, include_raw):
        arguments = {"a": 1, "b": 2}
        function = {"name": "Add", "arguments": json.dumps(arguments)}
        message = {
            "content": json.dumps(arguments),
            "tool_calls": [{"id": "1", "type": "function", "function": function}],
        }
        server.scripts = [Reply(body=recorded.whole(message))]
        llm = ChatXinference(server.endpoint, "tiny")
        found = llm.with_structured_output(
            Add, method=method, strict=strict, include_raw=include_raw
        ).invoke("x")
        assert (found["parsed"] if include_raw else found) == Add(a=1, b=2)
        body = server.bodies[-1]
        expected = {"model", "messages", "request_id"}
        return {name: value for name, value in body.items() if name not in expected}

    def form(self, strict):
        return {} if strict is None else {"strict": strict}

    def test_function_calling(self, server, strict, include_raw):
        function = {
            "name": "Add",
            "description": "Add two numbers.",
            "parameters": CLOSED if strict else PARAMETERS,
            **self.form(strict),
        }
        assert self.send(server, "function_calling", strict, include_raw) == {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": NAMED,
            "max_tokens": 2048,  # the unknown engine might not stop by itself
        }

    def test_json_schema(self, server, strict, include_raw):
        schema = CLOSED if strict else PARAMETERS
        form = {"name": "Add", "schema": schema, **self.form(strict)}
        assert self.send(server, "json_schema", strict, include_raw) == {
            "response_format": {"type": "json_schema", "json_schema": form}
        }


@pytest.mark.parametrize("schema", [Add, None, {"title": "Add", "type": "object"}])
def test_json_mode(server, schema):
    server.scripts = [Reply(body=recorded.whole({"content": '{"a": 1, "b": 2}'}))]
    ChatXinference(server.endpoint, "tiny").with_structured_output(
        schema, method="json_mode"
    ).invoke("x")
    assert server.bodies[-1]["response_format"] == {"type": "json_object"}
    assert "tools" not in server.bodies[-1]


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def video(url):
    return {"type": "video_url", "video_url": {"url": url}}


def audio(url):
    return {"type": "audio", "audio_url": {"url": url}}


PNG, WAV, MP4 = (f"data:{mime};base64,{DATA}" for mime in ("image/png", "audio/wav", "video/mp4"))
SOUND = {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}
URL = "https://example.org/file"


def v0(kind, mime):
    return {"type": kind, "source_type": "base64", "mime_type": mime, "data": DATA}


def v1(kind, mime):
    return {"type": kind, "base64": DATA, "mime_type": mime}


@pytest.mark.parametrize("engine", ["llama.cpp", "transformers", "vLLM", None])
@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "source_type": "url", "url": URL}, image(URL)),
        (v0("image", "image/png"), image(PNG)),
        (v0("audio", "audio/wav"), audio(WAV)),
        (v0("video", "video/mp4"), video(MP4)),
        (v0("file", "image/png"), image(PNG)),
        ({"type": "image", "url": URL}, image(URL)),
        (v1("image", "image/png"), image(PNG)),
        (v1("audio", "audio/wav"), audio(WAV)),
        (v1("video", "video/mp4"), video(MP4)),
        ({"type": "video", "url": URL}, video(URL)),
        (v1("file", "audio/wav"), audio(WAV)),
        (image(URL), image(URL)),
        (image(PNG), image(PNG)),
        ({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}, ...),
        ({"type": "image_url", "image_url": PNG}, image(PNG)),
        (SOUND, audio(WAV)),
        (audio(WAV), audio(WAV)),
        (video(URL), video(URL)),
        ({"type": "image", "source": {"type": "url", "url": URL}}, image(URL)),
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": DATA},
                "cache_control": {"type": "ephemeral"},
            },
            image(PNG),
        ),
    ],
)
def test_every_spelling_of_media(sent, engine, block, part):
    body = sent([HumanMessage([{"type": "text", "text": "What is it?"}, block])], engine)
    if engine == "llama.cpp" and part == audio(WAV):
        part = SOUND
    expected = block if part is ... else part
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, expected]}
    ]


@pytest.mark.parametrize(
    "block",
    [
        "Hello",
        {"type": "text", "text": "Hello"},
        {"type": "text", "text": "Hello", "id": "lc_1", "annotations": []},
        {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}},
        {"type": "text-plain", "text": "Hello", "mime_type": "text/plain"},
    ],
)
@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage])
def test_every_spelling_of_text(sent, kind, block):
    [message] = sent([kind([block])])["messages"]
    assert message["content"] == "Hello"


CALL = {"name": "get_weather", "args": {"city": "Zürich"}, "id": "1"}
ANSWERED = [
    AIMessage("Let me see.", tool_calls=[CALL]),
    AIMessage(
        [
            {"type": "reasoning", "reasoning": "hm"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_call", **CALL},
        ],
        tool_calls=[CALL],
        response_metadata={"output_version": "v1"},
    ),
    AIMessage(
        [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "name": "get_weather", "input": CALL["args"], "id": "1"},
        ],
        tool_calls=[CALL],
    ),
    AIMessage("Let me see.", tool_calls=[CALL], additional_kwargs={"reasoning_content": "hm"}),
]
RESULTS = [
    ToolMessage("18 °C", tool_call_id="1"),
    ToolMessage([{"type": "text", "text": "18 °C"}], tool_call_id="1", status="error"),
    HumanMessage(
        [
            {
                "type": "tool_result",
                "tool_use_id": "1",
                "content": [{"type": "text", "text": "18 °C"}],
                "is_error": False,
            }
        ]
    ),
]


@pytest.mark.parametrize("answer", ANSWERED)
@pytest.mark.parametrize("result", RESULTS)
def test_every_spelling_of_a_conversation_with_tools(sent, answer, result):
    function = {"name": "get_weather", "arguments": '{"city": "Zürich"}'}
    said, told = sent([answer, result])["messages"]
    assert said == {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [{"type": "function", "id": "1", "function": function}],
    }
    assert told == {"role": "tool", "content": "18 °C", "tool_call_id": "1"}


HALF = "\ud83d"
"""Half of a surrogate pair, as slicing UTF-16 text leaves it."""


def test_a_lone_surrogate_becomes_a_replacement_character(server):
    """Engines answer it with a bare HTTP 500."""
    called = {"name": "f", "args": {"x": f"a{HALF}", "y": "😀 ü"}, "id": "1"}
    messages = [
        SystemMessage(f"Hi {HALF}"),
        HumanMessage([{"type": "text", "text": f"See {HALF}"}]),
        AIMessage("", tool_calls=[called]),
        ToolMessage(f"Done {HALF}", tool_call_id="1"),
    ]
    llm = ChatXinference(server.endpoint, "tiny", stop=[HALF], user=HALF)
    llm.invoke(messages, extra_body={HALF: "x"})
    [sent] = server.bodies
    system, human, call, result = sent["messages"]
    assert system["content"] == "Hi \ufffd"
    assert human["content"] == "See \ufffd"
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {
        "x": "a\ufffd",
        "y": "😀 ü",
    }
    assert result["content"] == "Done \ufffd"
    assert (sent["stop"], sent["user"], sent["\ufffd"]) == (["\ufffd"], "\ufffd", "x")


def test_both_halves_of_a_pair_stay_a_character(server):
    called = {"name": "f", "args": {"x": "\ud83d\ude00"}, "id": "1"}
    messages = [AIMessage("", tool_calls=[called]), ToolMessage("\ud83d\ude00", tool_call_id="1")]
    ChatXinference(server.endpoint, "tiny").invoke(messages)
    call, result = server.bodies[0]["messages"]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"x": "😀"}
    assert result["content"] == "😀"


TOO_LARGE = [
    *({"max_tokens": 10**30}, {"seed": 2**63}, {"seed": -(2**70)}, {"top_k": 2**64}),
    *({"stop_token_ids": [1, 2**63]}, {"top_logprobs": 2**63}),
    *({"extra_body": {"min_tokens": 2**63}}, {"extra_body": {"stop_token_ids": [2**64]}}),
]


@pytest.mark.parametrize("given", TOO_LARGE)
def test_a_number_beyond_64_bits_is_refused_before_it_is_sent(server, given):
    [name] = given.get("extra_body", given)
    llm = ChatXinference(server.endpoint, "tiny")
    with pytest.raises(BadRequestError, match=name) as caught:
        llm.invoke("x", **given)
    assert not caught.value.is_retryable
    assert not server.bodies
    if "extra_body" not in given:
        with pytest.raises(ValidationError, match=name):
            ChatXinference(server.endpoint, "tiny", **given)


def test_numbers_of_64_bits_are_sent(server):
    llm = ChatXinference(server.endpoint, "tiny", seed=-(2**63), max_tokens=2**63 - 1)
    llm.invoke("x")
    assert (server.bodies[0]["seed"], server.bodies[0]["max_tokens"]) == (-(2**63), 2**63 - 1)


SIBLINGS = {
    XinferenceEmbeddings: lambda model: model.embed_query("x"),
    XinferenceRerank: lambda model: model.compress_documents([Document("x")], "x"),
}


@pytest.mark.parametrize("kind", SIBLINGS)
def test_siblings_refuse_them_too(server, kind):
    model = kind(server.endpoint, "tiny", extra_body={"dimensions": 2**63})
    with pytest.raises(BadRequestError, match="dimensions cannot be sent"):
        SIBLINGS[kind](model)
    assert not server.requests
