from __future__ import annotations

import copy
from collections.abc import Callable  # noqa: TC003  # pydantic reads the annotation
from typing import Annotated

import pytest
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field, RootModel
from typing_extensions import TypedDict

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.schema import as_function, as_tool, mismatch, reject_invalid_schema
from xinference_magics.wire.tools import tool_dicts

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "friends": {"type": "array", "items": {"$ref": "#/$defs/friend"}},
    },
    "required": ["name", "age"],
    "$defs": {"friend": {"type": "object", "properties": {"name": {"type": "string"}}}},
}
ADA = {"name": "Ada", "age": 36}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ADA, None),
        ({**ADA, "friends": [{"name": "Bob"}], "more": 1}, None),
        ({**ADA, "friends": None}, None),
        ({**ADA, "friends": [{"name": None}]}, None),
        ({"name": "Ada"}, "'age' is a required property"),
        ({**ADA, "age": None}, "age: None is not of type 'integer'"),
        ({**ADA, "age": "36"}, "age: '36' is not of type 'integer'"),
        ({**ADA, "age": -1}, "age: -1 is less than the minimum of 0"),
        ({**ADA, "friends": [{"name": 1}]}, "friends.0.name: 1 is not of type 'string'"),
        ([ADA], "[{'name': 'Ada', 'age': 36}] is not of type 'object'"),
    ],
)
def test_what_does_not_fit_is_described(answer, said):
    assert mismatch(answer, PERSON) == said


def test_optional_values_of_a_typed_dict():
    class Person(TypedDict):
        """A person."""

        name: str
        nickname: str | None

    schema = convert_to_openai_tool(Person)["function"]["parameters"]
    assert mismatch({"name": "Ada", "nickname": None}, schema, nulls=True) is None
    assert mismatch({"name": "Ada", "nickname": 1}, schema, nulls=True)
    assert mismatch({"name": "Ada"}, schema, nulls=True)


def test_an_invalid_schema():
    reject_invalid_schema(PERSON)
    with pytest.raises(
        BadRequestError, match=r"not a valid JSON schema: properties\.a\.type: 'text'"
    ):
        reject_invalid_schema({"properties": {"a": {"type": "text"}}})


def test_a_remote_schema_is_not_fetched():
    schema = {"properties": {"age": {"$ref": "https://example.com/age.json"}}}
    with pytest.raises(BadRequestError, match=r"refers to https://example\.com/age\.json"):
        mismatch(ADA, schema)


class Node(BaseModel):
    """A node."""

    name: str
    children: list[Node] = []


class Tree(BaseModel):
    """A tree."""

    root: Node
    size: Annotated[int, Field(ge=1)]


class Names(RootModel[list[str]]):
    """Some names."""


class Plain(BaseModel):
    """Nothing recursive."""

    inner: Names


TEXT = {"type": "string"}
WITH_A = {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}
NAMES = {"type": "array", "items": TEXT}
TREE = {"name": "root", "children": [{"name": "leaf", "children": []}]}
DEEP_FAULT = {"name": "root", "children": [{"name": "leaf", "children": [{"name": 5}]}]}


@pytest.mark.parametrize("make", [lambda: Node, Node.model_json_schema], ids=["class", "dict"])
def test_a_class_that_refers_to_itself_keeps_its_definitions(make):
    function = as_function(make())
    assert (function["name"], function["description"]) == ("Node", "A node.")
    sent = function["parameters"]
    assert sent["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert "Node" in sent["$defs"]
    assert mismatch(TREE, sent) is None
    assert mismatch(DEEP_FAULT, sent).startswith("children.0.children.0.name: 5")


def test_a_class_with_a_field_that_refers_to_itself():
    sent = as_function(Tree)["parameters"]
    assert mismatch({"root": TREE, "size": 1}, sent) is None
    assert "children.0.children.0.name" in mismatch({"root": DEEP_FAULT, "size": 1}, sent)
    assert sent["properties"]["size"]["minimum"] == 1


def test_other_classes_are_sent_without_references():
    assert as_function(Plain)["parameters"]["properties"]["inner"]["items"] == TEXT


@pytest.mark.parametrize(
    ("given", "name", "sent"),
    [
        ({"title": "A", **WITH_A}, "A", WITH_A),
        (WITH_A, "answer", WITH_A),
        ({"name": "a", "schema": WITH_A}, "a", WITH_A),
        ({"name": "a", "schema": {"title": "B", **WITH_A}}, "a", WITH_A),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": WITH_A}}, "a", WITH_A),
        ({"type": "function", "function": {"name": "a", "parameters": WITH_A}}, "a", WITH_A),
        ({"name": "a", "parameters": WITH_A}, "a", WITH_A),
        ({"name": "a", "input_schema": WITH_A}, "a", WITH_A),
        ({"title": "Names", **NAMES}, "Names", NAMES),
        (NAMES, "answer", NAMES),
        (Names, "Names", NAMES),
        ({"enum": ["yes", "no"]}, "answer", {"enum": ["yes", "no"]}),
        (
            {"title": "Ages", "type": "object", "additionalProperties": {"type": "integer"}},
            "Ages",
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ),
        (
            {"$ref": "#/definitions/A", "definitions": {"A": {"title": "A", **WITH_A}}},
            "A",
            {**WITH_A, "definitions": {"A": {"title": "A", **WITH_A}}},
        ),
    ],
)
def test_every_form_of_a_schema(given, name, sent):
    before = copy.deepcopy(given)
    function = as_function(given)
    assert (function["name"], function["parameters"]) == (name, sent)
    assert given == before


def test_the_other_keys_of_a_schema_are_kept():
    given = {"name": "a", "description": "An a.", "strict": True, "schema": WITH_A}
    assert as_function(given) == {
        "name": "a",
        "description": "An a.",
        "strict": True,
        "parameters": WITH_A,
    }
    assert as_function(WITH_A, strict=True)["parameters"]["additionalProperties"] is False


class Endless(TypedDict):
    """It refers to itself."""

    others: list[Endless]


class Calls(BaseModel):
    """Nothing that JSON can hold."""

    call: Callable[[], None]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Endless, "Endless cannot be .*: it refers to itself"),
        (Calls, "Calls cannot be .*: Cannot generate a JsonSchema"),
        (int, "int cannot be .*: it is a class without fields"),
        (list[int], r"list\[int\] cannot be"),
        (5, "This cannot be"),
        ("a", "This cannot be"),
        ({}, "This cannot be .*: it constrains nothing"),
        ({"a": 1}, "This cannot be"),
        ({"name": "a"}, "This cannot be"),
    ],
)
def test_values_that_are_not_a_schema(given, said):
    with pytest.raises(BadRequestError, match=said) as caught:
        as_function(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_tool_that_cannot_be_written_out_is_refused():
    with pytest.raises(BadRequestError, match="Endless cannot be used as a tool: it refers to"):
        tool_dicts([Endless])


@pytest.mark.parametrize("given", [NAMES, Names, {"anyOf": [WITH_A, NAMES]}, {"enum": ["yes"]}])
def test_tool_arguments_are_an_object(given):
    with pytest.raises(BadRequestError, match=r"is not an object.* method=\"json_schema\" accepts"):
        as_tool(given)


@pytest.mark.parametrize("given", [Node, Plain, WITH_A, {"title": "A", "properties": {"a": TEXT}}])
def test_objects_are_tools(given):
    assert as_tool(given)["function"]["parameters"]["properties"]


@tool
def plant(tree: Node) -> str:
    """Plant a tree."""
    return tree.name


@pytest.mark.parametrize(("given", "name"), [(Tree, "Tree"), (plant, "plant")])
def test_tools_that_refer_to_themselves_keep_their_definitions(given, name):
    function = tool_dicts([given])[0]["function"]
    assert function["name"] == name
    assert function["description"]
    field = next(iter(function["parameters"]["properties"]))
    assert mismatch({field: TREE, "size": 1}, function["parameters"]) is None
    assert mismatch({field: DEEP_FAULT, "size": 1}, function["parameters"])
