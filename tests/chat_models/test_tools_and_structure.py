"""Tools and structured output: what is sent, and how the answers are read."""

import json
from typing import TypedDict

import pytest
import recorded
from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class PersonDict(TypedDict):
    """A person."""

    name: str
    age: int


REFUSED = getattr(exceptions, "ModelRefusalError", OutputParserException)
"""The error of a refusal; langchain-core has one of its own since 1.7.5."""

ADA = {"name": "Ada", "age": 36}
SCHEMA = {**Person.model_json_schema(), "description": "A person."}


def call(arguments, name="Person"):
    function = {"name": name, "arguments": arguments}
    return {"content": "", "tool_calls": [{"id": "1", "type": "function", "function": function}]}


def answering(message, finish="stop"):
    return ScriptedServer(Reply(body=recorded.whole(message, finish)))


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


def get_weather(city: str) -> str:
    """Get the weather."""
    return city


def test_bound_tools_are_sent_with_every_request():
    with answering(call('{"city": "Paris"}', "get_weather"), "tool_calls") as server:
        answer = model(server).bind_tools([get_weather], tool_choice="any").invoke("x")
    assert [each["name"] for each in answer.tool_calls] == ["get_weather"]
    sent = server.bodies[0]
    assert sent["tools"][0]["function"]["name"] == "get_weather"
    assert sent["tool_choice"] == "required"


def test_strict_and_parallel_calls_are_passed_on():
    with answering({"content": "x"}) as server:
        model(server).bind_tools([Person], strict=True, parallel_tool_calls=False).invoke("x")
    sent = server.bodies[0]
    assert sent["tools"][0]["function"]["strict"] is True
    assert sent["parallel_tool_calls"] is False


@pytest.mark.parametrize("stream", [False, True])
def test_an_ignored_tool_choice_is_reported(stream):
    reply = Stream(recorded.llama("No.")) if stream else Reply(body=recorded.whole({"content": ""}))
    with ScriptedServer(reply) as server:
        bound = model(server, engine="llama.cpp").bind_tools([get_weather], tool_choice="any")
        with pytest.warns(UserWarning, match="tiny called no tool though tool_choice requires one"):
            list(bound.stream("x")) if stream else bound.invoke("x")


def test_what_the_engine_ignores_is_reported():
    with answering({"content": "x"}) as server:
        llm = model(server, engine="transformers", seed=1)
        with pytest.warns(UserWarning, match="The transformers engine ignores seed"):
            llm.invoke("x")


@pytest.mark.parametrize(
    ("schema", "result"), [(Person, Person(**ADA)), (PersonDict, ADA), (SCHEMA, ADA)]
)
class TestMethods:
    def test_function_calling(self, schema, result):
        name = getattr(schema, "__name__", "Person")
        with answering(call(json.dumps(ADA), name), "tool_calls") as server:
            llm = model(server).with_structured_output(schema, method="function_calling")
            assert llm.invoke("x") == result
        assert server.bodies[0]["tool_choice"]["function"]["name"] == name
        assert server.bodies[0]["tools"][0]["function"]["name"] == name

    @pytest.mark.parametrize("strict", [None, True, False])
    def test_json_schema(self, schema, result, strict):
        with answering({"content": json.dumps(ADA)}) as server:
            llm = model(server).with_structured_output(schema, method="json_schema", strict=strict)
            assert llm.invoke("x") == result
        wanted = server.bodies[0]["response_format"]
        assert wanted["type"] == "json_schema"
        assert wanted["json_schema"].get("strict") is strict
        assert wanted["json_schema"]["schema"]["required"] == ["name", "age"]

    def test_json_mode(self, schema, result):
        with answering({"content": json.dumps(ADA)}) as server:
            llm = model(server).with_structured_output(schema, method="json_mode")
            assert llm.invoke("x") == result
        assert server.bodies[0]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("engine", "field"),
    [
        ("llama.cpp", "response_format"),
        ("vLLM", "response_format"),
        ("transformers", "tools"),
        (None, "tools"),
    ],
)
def test_the_method_follows_the_engine(engine, field):
    message = {**call(json.dumps(ADA)), "content": json.dumps(ADA)}
    with answering(message) as server:
        llm = model(server, engine=engine).with_structured_output(Person)
        assert llm.invoke("x") == Person(**ADA)
    assert field in server.bodies[0]


WRONG = '{"name": 1}'


@pytest.mark.parametrize("schema", [Person, PersonDict, SCHEMA])
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
async def test_answers_that_do_not_fit_are_errors(schema, method):
    name = getattr(schema, "__name__", "Person")
    wrong = {**call(WRONG, name), "content": WRONG}
    wrong["tool_calls"][0]["index"] = 0
    says = pytest.raises(
        OutputParserException, match="The answer of tiny does not match the schema"
    )
    with ScriptedServer(Reply(body=recorded.whole(wrong))) as server:
        llm = model(server).with_structured_output(schema, method=method)
        raw = model(server).with_structured_output(schema, method=method, include_raw=True)
        with says:
            llm.invoke("x")
        with says:
            await llm.ainvoke("x")
        found = [raw.invoke("x"), await raw.ainvoke("x")]
        server.scripts = [Stream(recorded.llama(wrong))]
        with says:
            list(llm.stream("x"))
        with says:
            [each async for each in llm.astream("x")]
        found += [*raw.stream("x"), *[each async for each in raw.astream("x")]]
    assert len(found) == 4
    for each in found:
        assert each["parsed"] is None
        assert isinstance(each["parsing_error"], OutputParserException)
        assert each["raw"].content == WRONG


async def test_raw_answers_come_with_the_parsed_value():
    with answering({"content": json.dumps(ADA)}) as server:
        raw = model(server).with_structured_output(SCHEMA, method="json_schema", include_raw=True)
        for found in (raw.invoke("x"), await raw.ainvoke("x")):
            assert (found["parsed"], found["parsing_error"]) == (ADA, None)
            assert found["raw"].usage_metadata["total_tokens"] == 36


@pytest.mark.parametrize(
    ("engine", "method", "said"),
    [
        ("llama.cpp", "json_mode", 'method="json_schema" makes llama.cpp follow the schema'),
        ("transformers", "json_schema", 'transformers engine ignores .* method="function_calling"'),
        ("transformers", "function_calling", 'llama.cpp does, with method="json_schema"'),
    ],
)
@pytest.mark.filterwarnings("ignore:The .* engine ignores")
@pytest.mark.filterwarnings("ignore:tiny did not call Person")
async def test_errors_name_the_engine_and_the_method_that_works(engine, method, said):
    with answering({"content": "Ada, 36"}) as server:
        llm = model(server, engine=engine).with_structured_output(Person, method=method)
        with pytest.raises(OutputParserException, match=f"The answer of tiny .* {said}"):
            llm.invoke("x")
        with pytest.raises(OutputParserException, match=f"The answer of tiny .* {said}"):
            await llm.ainvoke("x")


def test_a_truncated_answer_says_so():
    with ScriptedServer(Reply(body=recorded.whole({"content": '{"name": "A'}, "length"))) as server:
        llm = model(server, engine="llama.cpp").with_structured_output(Person)
        with pytest.raises(OutputParserException, match="truncated by max_tokens") as caught:
            llm.invoke("x")
    assert caught.value.llm_output == '{"name": "A'


async def test_an_object_arrives_while_it_is_written():
    with ScriptedServer(Stream(recorded.llama('{"name": "Ada"', ', "age": 36}'))) as server:
        llm = model(server).with_structured_output(PersonDict, method="json_schema")
        assert list(llm.stream("x")) == [{"name": "Ada"}, ADA]
        assert [each async for each in llm.astream("x")] == [{"name": "Ada"}, ADA]


async def test_json_mode_needs_no_schema():
    with answering({"content": '{"a": 1}'}) as server:
        llm = model(server).with_structured_output(method="json_mode")
        assert await llm.ainvoke("x") == {"a": 1}


def test_invalid_arguments_are_refused():
    llm = ChatXinference(model="tiny")
    with pytest.raises(BadRequestError, match="Did you mean json_mode"):
        llm.with_structured_output(Person, method="json_mod")
    with pytest.raises(
        BadRequestError, match=r"not a valid JSON schema: properties\.a\.type: 'int' is not"
    ):
        llm.with_structured_output({"title": "A", "properties": {"a": {"type": "int"}}})
    with pytest.raises(BadRequestError, match="json_schema needs a schema"):
        llm.with_structured_output(method="json_schema")
    with pytest.raises(BadRequestError, match="strict has no effect with json_mode"):
        llm.with_structured_output(Person, method="json_mode", strict=True)
    with pytest.raises(BadRequestError, match="Did you mean max_tokens"):
        llm.with_structured_output(Person, max_token=5)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("include_raw", [True, False])
def test_a_refusal_is_an_error_of_its_own(include_raw, method):
    refusal = {"content": None, "refusal": "I cannot help with that."}
    with answering(refusal) as server:
        llm = model(server, engine="vLLM")
        assert llm.invoke("x").text == "I cannot help with that."
        asked = llm.with_structured_output(Person, method=method, include_raw=include_raw)
        if include_raw:
            result = asked.invoke("x")
            assert result["parsed"] is None
            error = result["parsing_error"]
        else:
            with pytest.raises(REFUSED) as caught:
                asked.invoke("x")
            error = caught.value
    assert isinstance(error, REFUSED)
    assert "tiny refused to answer: I cannot help with that." in str(error)


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("schema", [Person, PersonDict, SCHEMA])
async def test_a_streamed_refusal_is_an_error_of_its_own(schema, method):
    said = ({"refusal": "I cannot "}, {"content": "", "refusal": "help."})
    chunks = [*map(recorded.chunk, said), recorded.chunk({}, "stop")]
    with ScriptedServer(Stream(chunks)) as server:
        llm = model(server, engine="vLLM")
        asked = llm.with_structured_output(schema, method=method)
        with pytest.raises(REFUSED, match="tiny refused to answer: I cannot help"):
            list(asked.stream("x"))
        with pytest.raises(REFUSED, match="tiny refused to answer: I cannot help"):
            [each async for each in asked.astream("x")]
        raw = llm.with_structured_output(schema, method=method, include_raw=True)
        for results in (list(raw.stream("x")), [each async for each in raw.astream("x")]):
            assert isinstance(results[-1]["parsing_error"], REFUSED)
            assert results[-1]["parsed"] is None
