"""`%%chat --schema` and runnables instead of a model, in a real kernel with the tiny model."""

import pytest

ALICE = "Extract the person: Alice is 30 years old."
SCHEMAS = {
    "Person": """
from pydantic import BaseModel
class Person(BaseModel):
    \"\"\"A person.\"\"\"
    name: str
    age: int
""",
    "Typed": """
from typing_extensions import TypedDict
class Typed(TypedDict):
    \"\"\"A person.\"\"\"
    name: str
    age: int
""",
    "Plain": """
from dataclasses import dataclass
@dataclass
class Plain:
    \"\"\"A person.\"\"\"
    name: str
    age: int
""",
    "SCHEMA": """
SCHEMA = {"title": "Person", "description": "A person.", "type": "object",
          "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
          "required": ["name", "age"]}
""",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_answer_is_an_object_of_the_schema(chatting, name):
    chatting.run(SCHEMAS[name])
    reply = chatting.run(f"turn = %chat --schema {name} {ALICE}")
    assert reply.status == "ok", reply.error
    person = chatting.value("turn.parsed")
    assert "Alice" in person
    assert "30" in person
    shown = reply.displays[-1]["text/html"]
    assert "<table" in shown
    assert "Alice" in shown
    if name in {"Person", "Plain"}:
        assert chatting.value(f"isinstance(turn.parsed, {name})") == "True"


def test_an_answer_that_does_not_fit_is_retried_and_kept(chatting):
    chatting.run(
        SCHEMAS["Person"]
        + """
    from pydantic import field_validator
    @field_validator("age")
    @classmethod
    def old(cls, age):
        raise ValueError("nobody is that old")
"""
    )
    reply = chatting.run(f"%chat --schema Person --retries 1 {ALICE}")
    assert reply.status == "error"
    assert "nobody is that old" in reply.error
    chatting.run("turn = get_ipython().run_line_magic('conversation', 'show')[-1]")
    assert chatting.value("[m.type for m in turn.messages]") == "['human', 'ai', 'human', 'ai']"
    assert chatting.value("turn.status") == "'failed'"
    assert "That does not match the schema" in chatting.value("turn.steps[1].content")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("3", "--schema: a value of type int is not an answer schema."),
        ("int", "--schema: the class int is not an answer schema."),
        ("{}", "This cannot be used as an answer schema: it constrains nothing"),
    ],
)
def test_an_invalid_schema_is_refused(chatting, given, says):
    chatting.run(f"Wrong = {given}")
    assert says in chatting.run("%chat --schema Wrong Hello").error


CHAIN = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
chain = ChatPromptTemplate.from_template("{question}") | llm | StrOutputParser()
messages_chain = llm | StrOutputParser()
text_chain = (lambda text: text) | chain
"""


@pytest.mark.parametrize("name", ["chain", "messages_chain", "llm"])
def test_a_runnable_can_replace_a_model(chatting, name):
    chatting.run(CHAIN)
    reply = chatting.run(f"turn = %chat -m {name} Where can we visit in the capital of France?")
    assert reply.status == "ok", reply.error
    assert "Eiffel Tower" in chatting.value("turn.text")


def test_a_chain_with_several_variables_is_explained(chatting):
    chatting.run(CHAIN.replace("{question}", "{question} {place}"))
    error = chatting.run("%chat -m chain Hello").error
    assert "chain needs" in error
    assert "place" in error


AGENT = """
from langchain.agents import create_agent
def get_weather(city: str) -> str:
    \"\"\"The weather in a city.\"\"\"
    return "22 degrees and sunny"
def multiply(a: int, b: int) -> int:
    \"\"\"The product of two numbers.\"\"\"
    return a * b
agent = create_agent(llm, [get_weather, multiply])
"""


def test_an_agent_of_langgraph_shows_its_steps(chatting):
    pytest.importorskip("langchain.agents")
    assert chatting.run(AGENT).status == "ok"
    reply = chatting.run("turn = %chat -m agent What is twice the temperature in Paris?")
    assert reply.status == "ok", reply.error
    assert chatting.value("turn.text") == "'Twice the temperature in Paris is 44 degrees.'"
    kinds = chatting.value("[m.type for m in turn.messages]")
    assert kinds == "['human', 'ai', 'tool', 'ai', 'tool', 'ai']"
    assert "get_weather(city=&quot;Paris&quot;)" in reply.displays[-1]["text/html"]
