"""Structured output for every kind of schema, by every method."""

from __future__ import annotations

import json

import pytest
import recorded
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, RootModel
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError


class Node(BaseModel):
    """A node."""

    name: str
    children: list[Node] = []


class Names(RootModel[list[str]]):
    """Some names."""


TREE = {"name": "root", "children": [{"name": "leaf", "children": []}]}
SCHEMA = Node.model_json_schema()
OPENAI = {"name": "Node", "schema": SCHEMA}
NAMES = {"type": "array", "items": {"type": "string"}}
METHODS = ("json_schema", "function_calling", "json_mode")


def reply(value, name, **options):
    text = json.dumps(value)
    function = {"name": name, "arguments": text}
    call = {"index": 0, "id": "1", "type": "function", "function": function}
    return {"content": text, "tool_calls": [call], **options}


async def all_ways(server, schema, method):
    """Call with and without streaming, sync and async; return the last value of each."""
    llm = ChatXinference(server.endpoint, "tiny").with_structured_output(schema, method=method)
    streamed = [each async for each in llm.astream("x")]
    return [llm.invoke("x"), await llm.ainvoke("x"), list(llm.stream("x"))[-1], streamed[-1]]


def served(value, name):
    whole, stream = (
        Reply(body=recorded.whole(reply(value, name))),
        recorded.llama(reply(value, name)),
    )
    return ScriptedServer(Stream(stream), whole, whole, Stream(stream))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("schema", "result"),
    [(Node, Node.model_validate(TREE)), (SCHEMA, TREE), (OPENAI, TREE)],
    ids=["class", "schema", "OpenAI's form"],
)
async def test_a_recursive_schema(schema, result, method):
    with served(TREE, "Node") as server:
        assert await all_ways(server, schema, method) == [result] * 4
    body = server.bodies[0]
    if method == "json_schema":
        sent = body["response_format"]["json_schema"]
        assert sent["name"] == "Node"
        assert sent["schema"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
        assert "Node" in sent["schema"]["$defs"]
    if method == "function_calling":
        assert "Node" in body["tools"][0]["function"]["parameters"]["$defs"]


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
@pytest.mark.parametrize(
    ("schema", "result"), [(NAMES, ["a", "b"]), (Names, Names(["a", "b"]))], ids=["schema", "class"]
)
async def test_a_list(schema, result, method):
    with served(["a", "b"], "x") as server:
        assert await all_ways(server, schema, method) == [result] * 4


@pytest.mark.parametrize("schema", [SCHEMA, OPENAI])
async def test_a_nested_error_is_found(schema):
    wrong = {"name": "root", "children": [{"name": 5}]}
    with served(wrong, "Node") as server:
        llm = ChatXinference(server.endpoint, "tiny")
        asked = llm.with_structured_output(schema, method="json_schema")
        with pytest.raises(OutputParserException, match=r"children\.0\.name: 5 is not of type"):
            list(asked.stream("x"))


def test_a_tool_call_cannot_be_a_list():
    llm = ChatXinference(model="tiny")
    for schema in (NAMES, Names):
        with pytest.raises(BadRequestError, match="is not an object"):
            llm.with_structured_output(schema, method="function_calling")


@pytest.mark.parametrize("engine", ["llama.cpp", "Transformers"])
async def test_a_list_without_a_method_depends_on_the_engine(engine):
    """An unknown engine is looked up first: only some follow the schema of a list."""
    with ScriptedServer() as server:
        server["GET /v1/models/tiny"] = [(200, {"model_name": "tiny", "model_engine": engine})]
        server["POST /v1/chat/completions"] = [(200, recorded.whole({"content": '["a", "b"]'}))]
        asked = ChatXinference(server.endpoint, "tiny").with_structured_output(NAMES)
        if engine == "llama.cpp":
            assert [asked.invoke("x"), await asked.ainvoke("x")] == [["a", "b"]] * 2
            return
        with pytest.raises(BadRequestError, match="is not an object"):
            asked.invoke("x")
        with pytest.raises(BadRequestError, match="is not an object"):
            await asked.ainvoke("x")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [int, {"a": 1}, {}, 5, list[int]])
def test_an_invalid_schema_is_refused_before_anything_is_sent(schema, method):
    with pytest.raises(BadRequestError, match="cannot be used as an answer schema"):
        ChatXinference(model="tiny").with_structured_output(schema, method=method)
