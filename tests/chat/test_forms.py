"""What can serve as the schema of an answer."""

import json
import re
from dataclasses import dataclass
from typing import Literal

import pytest
import recorded
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage
from scripted_server import ScriptedServer, Stream

from xinference_magics.chat.events import Parsed
from xinference_magics.chat.structured import Form, Structured
from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError, NotebookError

FIELDS = {"type": "object", "properties": {"name": {"type": "string"}}}


class Odd:
    """Something with no JSON representation."""


@dataclass
class Person:
    name: str
    age: int = 0


@dataclass
class Holder:
    odd: Odd


def test_a_dataclass_is_read():
    form = Form.of(Person)
    assert form.asked["title"] == "Person"
    assert form.read({"name": "Ada", "age": "36"}) == Person("Ada", 36)


@pytest.mark.parametrize(
    ("schema", "answer", "value"),
    [
        (list[Person], {"items": [{"name": "Ada", "age": 36}]}, [Person("Ada", 36)]),
        (list[int], {"items": [1, 2]}, [1, 2]),
        (dict[str, Person], {"value": {"a": {"name": "Ada"}}}, {"a": Person("Ada")}),
        (Literal["yes", "no"], {"value": "yes"}, "yes"),
        (Person | None, {"value": None}, None),
    ],
)
@pytest.mark.parametrize("engine", ["llama.cpp", "transformers"])
async def test_what_is_not_an_object_is_asked_for_as_the_only_field(schema, answer, value, engine):
    text = json.dumps(answer)
    called = {"id": "1", "function": {"name": "Answer", "arguments": text}}
    said = {"tool_calls": [called]} if engine == "transformers" else {"content": text}
    with ScriptedServer(Stream(recorded.llama(said))) as server:
        model = ChatXinference(server.endpoint, "tiny", engine=engine)
        events = Structured(model, Form.of(schema)).events([HumanMessage("x")], {})
        *_, last = [event async for event in events]
    assert last == Parsed(value)


@pytest.mark.parametrize("schema", [list[Odd], Odd | None])
def test_a_type_without_a_schema_is_refused(schema):
    with pytest.raises(NotebookError, match=r"Odd.* cannot be used as an answer schema: "):
        Form.of(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"title": "Person", **FIELDS},
        FIELDS,
        {"type": "array", "items": FIELDS},
        {"$ref": "#/$defs/Person", "$defs": {"Person": FIELDS}},
        {"name": "person", "schema": FIELDS},
        {"type": "json_schema", "json_schema": {"name": "person", "schema": FIELDS}},
        {"name": "person", "parameters": FIELDS},
    ],
)
def test_a_json_schema_needs_no_title(schema):
    assert Form.of(schema).asked == schema


@pytest.mark.parametrize("engine", ["llama.cpp", "transformers"])
async def test_a_form_without_a_title_is_asked_for(engine):
    called = {"id": "1", "function": {"name": "answer", "arguments": '{"name": "Ada"}'}}
    by_tool = engine == "transformers"
    said = {"tool_calls": [called]} if by_tool else {"content": '{"name": "Ada"}'}
    reply = Stream(recorded.llama(said))
    with ScriptedServer(reply) as server:
        model = ChatXinference(server.endpoint, "tiny", engine=engine)
        events = Structured(model, Form.of(FIELDS)).events([HumanMessage("x")], {})
        *_, last = [event async for event in events]
    assert last == Parsed({"name": "Ada"})


@pytest.mark.parametrize(
    ("finish", "text", "says", "requests"),
    [
        ("stop", '{"name": 1}', "does not match the schema", 3),
        ("length", '{"name": "Ada', "was truncated by max_tokens (raise it)", 1),
    ],
)
async def test_an_answer_that_does_not_match(finish, text, says, requests):
    """It is asked for again unless only the user can help, and its cell shows one line."""
    with ScriptedServer(*[Stream(recorded.llama(text, finish=finish))] * 3) as server:
        model = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
        structured = Structured(model, Form.of(FIELDS), retries=2)
        with pytest.raises(OutputParserException, match=re.escape(says)) as caught:
            [event async for event in structured.events([HumanMessage("x")], {})]
        assert len(server.bodies) == requests
    [line] = caught.value._render_traceback_()
    assert line.startswith("OutputParserException: The answer of tiny")
    assert says in line


@pytest.mark.parametrize("schema", [{}, {"name": "Ada"}])
def test_a_dict_that_is_not_a_schema_is_refused(schema):
    says = "cannot be used as an answer schema: it constrains nothing"
    with pytest.raises(BadRequestError, match=says):
        Form.of(schema)


@pytest.mark.parametrize("schema", [Holder, Odd, 3])
def test_a_value_that_is_not_a_schema_is_reported_in_one_line(schema):
    with pytest.raises(
        NotebookError, match=r"is not an answer schema|cannot be used as an answer schema"
    ) as caught:
        Form.of(schema)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("given", "named"), [(3, "a value of type int"), (int, "the class int")])
def test_a_value_that_is_not_a_schema_is_named_with_its_place(given, named):
    with pytest.raises(NotebookError, match=f"^--schema: {named} is not an answer schema"):
        Form.of(given, "--schema: ")
