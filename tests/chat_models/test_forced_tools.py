"""Forced tool calls end to end: what is sent, how often, and what becomes of the answer."""

import json
from typing import TypedDict
from warnings import catch_warnings

import pytest
import recorded
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import IgnoredByEngineWarning, ServerError

CHAT = "POST /v1/chat/completions"
DESCRIPTION = "/v1/models/tiny"
LLAMA = {"model_engine": "llama.cpp", "model_family": "qwen3", "model_ability": ["chat", "tools"]}
CALL = {"name": "get_weather", "arguments": {"city": "Paris"}}


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class PersonDict(TypedDict):
    """A person."""

    name: str
    age: int


PersonDict.__name__ = "Person"


def get_weather(city: str) -> str:
    """Get the weather."""
    return city


def get_time() -> str:
    """Get the time."""
    return ""


@pytest.fixture
def api():
    with ScriptedServer() as made:
        made[DESCRIPTION] = [(200, LLAMA)]
        yield made


def merged(chunks):
    first, *others = chunks
    return first + others


def called(message):
    return [(each["name"], each["args"]) for each in message.tool_calls]


def answering(*pieces, finish="stop"):
    return ScriptedServer(Stream(recorded.llama(*pieces, finish=finish)))


def forced(server, **fields):
    llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp", **fields)
    return llm.bind_tools([get_weather, get_time], tool_choice="any")


def test_a_whole_answer_becomes_calls():
    reply = Reply(body=recorded.whole({"content": json.dumps([CALL, CALL])}))
    with ScriptedServer(reply) as server:
        answer = forced(server).invoke("x")
    assert called(answer) == 2 * [("get_weather", {"city": "Paris"})]
    assert answer.response_metadata["finish_reason"] == "tool_calls"
    assert (answer.content, answer.invalid_tool_calls) == ("", [])


@pytest.mark.parametrize("output_version", ["v0", "v1"])
async def test_a_streamed_answer_becomes_calls(output_version):
    with answering(*json.dumps([CALL, {**CALL, "arguments": {"city": "Rom"}}])) as server:
        llm = forced(server, output_version=output_version)
        answers = [
            merged(llm.stream("x")),
            merged([chunk async for chunk in llm.astream("x")]),
        ]
    for answer in answers:
        assert called(answer) == [("get_weather", {"city": each}) for each in ("Paris", "Rom")]
        assert answer.response_metadata["finish_reason"] == "tool_calls"
        assert answer.text == ""


def test_a_call_that_was_cut_off_is_invalid():
    with answering(
        '[{"name": "get_weather", "arguments": {"city": "Par', finish="length"
    ) as server:
        answer = merged(forced(server).stream("x"))
    assert answer.tool_calls == []
    assert [each["name"] for each in answer.invalid_tool_calls] == ["get_weather"]
    assert answer.response_metadata["finish_reason"] == "length"


def test_an_answer_of_an_engine_that_dropped_the_schema():
    tags = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'
    with answering(tags) as server:
        assert called(merged(forced(server).stream("x"))) == [("get_time", {})]
    with answering("No.") as server, pytest.warns(UserWarning, match="called no tool though"):
        assert merged(forced(server).stream("x")).content == "No."


async def test_the_server_is_asked_once_for_the_engine(api):
    api[CHAT] = [(200, recorded.whole({"content": json.dumps([CALL])}))]
    llm = ChatXinference(api.endpoint, "tiny")
    bound = llm.bind_tools([get_weather], tool_choice="any")
    assert api.paths == []
    for answer in (bound.invoke("x"), await bound.ainvoke("x"), bound.invoke("x")):
        assert called(answer) == [("get_weather", {"city": "Paris"})]
    assert api.paths.count(DESCRIPTION) == 1
    assert api.bodies[-1]["messages"][0]["content"].startswith("# Tools")


@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize("include_raw", [True, False])
async def test_the_method_is_chosen_at_the_first_call(api, asynchronous, include_raw):
    api[CHAT] = [(200, recorded.whole({"content": '{"name": "Ada", "age": 36}'}))]
    llm = ChatXinference(api.endpoint, "tiny").with_structured_output(
        Person, include_raw=include_raw
    )
    assert api.paths == []
    found = await llm.ainvoke("x") if asynchronous else llm.invoke("x")
    assert (found["parsed"] if include_raw else found) == Person(name="Ada", age=36)
    assert api.bodies[-1]["response_format"]["json_schema"]["name"] == "Person"
    assert "tools" not in api.bodies[-1]


def test_a_server_that_does_not_report_the_engine_is_asked_for_a_tool_call(api):
    api[DESCRIPTION] = [(404, {"detail": "Model not found"})]
    function = {"name": "Person", "arguments": '{"name": "Ada", "age": 36}'}
    api[CHAT] = [(200, recorded.whole({"tool_calls": [{"id": "1", "function": function}]}))]
    llm = ChatXinference(api.endpoint, "tiny").with_structured_output(Person)
    assert llm.invoke("x") == llm.invoke("x") == Person(name="Ada", age=36)
    assert api.paths.count(DESCRIPTION) > 1  # a failed lookup is repeated
    assert api.bodies[-1]["tool_choice"]["function"]["name"] == "Person"


CUT = '{"name": "Ada", "age": 1'


@pytest.mark.parametrize("schema", [Person, PersonDict, Person.model_json_schema()])
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.filterwarnings("ignore:tiny did not call")
class TestCutAnswers:
    def text(self, method):
        return CUT if method != "function_calling" else '{"name": "Person", "arguments": ' + CUT

    async def refused(self, schema, method, finish="length"):
        whole = Reply(body=recorded.whole({"content": self.text(method)}, finish))
        streamed = Stream(recorded.llama(*self.text(method), finish=finish))
        with ScriptedServer(whole) as server:
            model = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
            llm = model.with_structured_output(schema, method=method)
            raw = model.with_structured_output(schema, method=method, include_raw=True)
            for call in (llm.invoke, llm.batch):
                with pytest.raises(OutputParserException) as caught:
                    call("x" if call == llm.invoke else ["x"])
                yield caught.value
            with pytest.raises(OutputParserException) as caught:
                await llm.ainvoke("x")
            yield caught.value
            for found in (raw.invoke("x"), await raw.ainvoke("x")):
                assert found["parsed"] is None
                yield found["parsing_error"]
            server.scripts = [streamed]
            with pytest.raises(OutputParserException) as caught:
                list(llm.stream("x"))
            yield caught.value
            with pytest.raises(OutputParserException) as caught:
                [each async for each in llm.astream("x")]
            yield caught.value
            for found in raw.stream("x"):
                assert found.get("parsed") is None

    async def test_are_refused_with_what_to_do(self, schema, method):
        errors = [error async for error in self.refused(schema, method)]
        assert len(errors) == 7
        for error in errors:
            assert "truncated by max_tokens (raise it)" in str(error)

    async def test_are_refused_whatever_cut_them(self, schema, method):
        async for error in self.refused(schema, method, "stop"):
            assert isinstance(error, OutputParserException)


def test_a_complete_text_is_accepted_whatever_the_finish_reason():
    reply = Reply(body=recorded.whole({"content": CUT + "20}" + 9 * "\n"}, "length"))
    with ScriptedServer(reply) as server:
        llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
        assert llm.with_structured_output(Person).invoke("x") == Person(name="Ada", age=120)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("size", range(1, 31))
def test_a_call_that_was_cut_in_its_name_or_arguments(size):
    text = json.dumps([CALL])[:size]
    with answering(*text, finish="length") as server, catch_warnings(record=True) as warned:
        streamed = merged(forced(server).stream("x"))
    reply = Reply(body=recorded.whole({"content": text}, "length"))
    with ScriptedServer(reply) as server, catch_warnings(record=True) as warned_whole:
        whole = forced(server).invoke("x")
    assert [str(each.message) for each in warned] == [str(each.message) for each in warned_whole]
    named = any(each["name"] for each in whole.invalid_tool_calls)
    assert len(warned) == (not named)
    assert called(streamed) == called(whole) == []
    names = [[each["name"] for each in answer.invalid_tool_calls] for answer in (streamed, whole)]
    assert names[0] == names[1]


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_call_parameters_if_the_engine_decides_the_method(api, asynchronous):
    api[CHAT] = [(200, recorded.whole({"content": '{"name": "Ada", "age": 36}'}))]
    bound = ChatXinference(api.endpoint, "tiny").with_structured_output(Person)
    if asynchronous:
        await bound.ainvoke("x", max_tokens=5)
    else:
        bound.invoke("x", max_tokens=5)
    assert api.bodies[-1]["max_tokens"] == 5


def test_a_tool_that_is_not_a_function_is_left_to_the_server():
    with answering(json.dumps([CALL])) as server:
        llm = ChatXinference(server.endpoint, "tiny", engine="vLLM")
        tools = [{"type": "web_search_preview"}, get_weather]
        assert called(merged(llm.bind(tools=tools, tool_choice="required").stream("x")))


class TestVllm:
    """How vLLM's parsers handle calls in a stream."""

    def piece(self, name, arguments):
        function = {"name": name, "arguments": arguments}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        return {"content": None, "tool_calls": [call]}

    def bound(self, server, tool):
        return ChatXinference(server.endpoint, "tiny", engine="vLLM").bind_tools([tool])

    @pytest.mark.parametrize(("tool", "valid"), [(get_weather, False), (get_time, True)])
    def test_a_name_whose_arguments_never_come(self, tool, valid):
        piece = self.piece(tool.__name__, "")
        stream = Stream(recorded.llama(piece, finish="tool_calls"))
        whole = Reply(body=recorded.whole(piece, "tool_calls"))
        with ScriptedServer(stream, whole, whole) as server:
            answers = [merged(self.bound(server, tool).stream("x"))]
            answers.append(self.bound(server, tool).invoke("x"))
        for answer in answers:
            assert called(answer) == ([(tool.__name__, {})] if valid else [])
            assert len(answer.invalid_tool_calls) == (not valid)

    async def test_names_whose_arguments_never_come_are_requested_again_unstreamed(self):
        names = [self.piece("get_weather", ""), {"content": "\n```"}]
        stream = Stream(recorded.llama("```json\n<tool_cal", *names, finish="tool_calls"))
        whole = Reply(body=recorded.whole(self.piece("get_weather", json.dumps(CALL["arguments"]))))
        with ScriptedServer(stream, whole, stream, whole) as server:
            llm = self.bound(server, get_weather)
            streamed = [merged(llm.stream("x")), merged([each async for each in llm.astream("x")])]
        for answer in streamed:
            assert called(answer) == [("get_weather", {"city": "Paris"})]
            assert not answer.invalid_tool_calls

    def test_a_name_after_text_whose_arguments_never_come_is_invalid(self):
        pieces = ["Let me see.", self.piece("get_weather", "")]
        with answering(*pieces, finish="tool_calls") as server:
            answer = merged(self.bound(server, get_weather).stream("x"))
        assert answer.content == "Let me see."
        assert len(answer.invalid_tool_calls) == 1
        assert len(server.bodies) == 1

    def test_a_name_without_arguments_after_a_call_in_the_text_is_invalid(self):
        tags = f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>"
        pieces = [tags, self.piece("get_weather", "")]
        with answering(*pieces, finish="tool_calls") as server:
            answer = merged(self.bound(server, get_weather).stream("x"))
        assert called(answer) == [("get_weather", {"city": "Paris"})]
        assert len(answer.invalid_tool_calls) == 1
        assert len(server.bodies) == 1

    async def test_a_swallowed_call_is_requested_again_unstreamed(self):
        tags = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'
        silent, whole = Stream(recorded.llama("")), Reply(body=recorded.whole({"content": tags}))
        with ScriptedServer(silent, whole, silent, whole) as server:
            llm = self.bound(server, get_time)
            assert called(merged(llm.stream("x"))) == [("get_time", {})]
            assert called(merged([each async for each in llm.astream("x")])) == [("get_time", {})]
        assert [each.get("stream", False) for each in server.bodies] == [True, False] * 2

    @pytest.mark.parametrize("written", ["{}", "```json\n{}\n```", "[{}]"])
    def test_a_call_that_ends_the_text_is_requested_once(self, written):
        text = written.replace("{}", '{"name": "get_time", "arguments": {}}')
        with ScriptedServer(Stream(recorded.llama(*text))) as server:
            assert called(merged(self.bound(server, get_time).stream("x"))) == [("get_time", {})]
        assert len(server.bodies) == 1

    async def test_a_call_that_is_swallowed_twice_is_an_error(self):
        silent, whole = Stream(recorded.llama("")), Reply(body=recorded.whole({"content": ""}))
        with ScriptedServer(silent, whole, silent, whole) as server:
            llm = self.bound(server, get_time)
            with pytest.raises(ServerError, match="the engine returned none"):
                list(llm.stream("x"))
            with pytest.raises(ServerError, match="the engine returned none"):
                [each async for each in llm.astream("x")]

    async def test_a_call_that_is_lost_after_text_is_an_error(self):
        with ScriptedServer(Stream(recorded.llama("Let me see.\n", "<tool_cal"))) as server:
            llm, said = self.bound(server, get_time), []
            with pytest.raises(ServerError, match="the engine lost the tool call"):
                said.extend(each.text for each in llm.stream("x"))
            with pytest.raises(ServerError, match="the engine lost the tool call"):
                said.extend([each.text async for each in llm.astream("x")])
        assert "".join(said) == "Let me see."
        assert len(server.bodies) == 2

    def test_an_empty_answer_is_accepted(self):
        chunks = recorded.llama("")
        chunks[-1]["usage"] = {**chunks[-1]["usage"], "completion_tokens": 1}
        with ScriptedServer(Stream(chunks)) as server:
            assert merged(self.bound(server, get_time).stream("x")).content == ""
        assert len(server.bodies) == 1

    async def test_a_family_that_cannot_stream_calls_is_not_streamed(self):
        refused = (
            "[address=127.0.0.1:3, pid=7] Streaming support for tool calls is available only when "
            "using Qwen models with vLLM backend or GLM4-chat models without vLLM backend. "
            "Llama3 does not support streaming tool call extraction."
        )
        stream = Stream([recorded.chunk({"role": "assistant", "content": ""}), {"error": refused}])
        whole = Reply(body=recorded.whole({"content": "Hello!"}))
        with ScriptedServer(stream, whole, stream, whole) as server:
            llm = self.bound(server, get_time)
            assert merged(llm.stream("x")).content == "Hello!"
            assert merged([each async for each in llm.astream("x")]).content == "Hello!"


def test_omitted_reasoning_is_reported():
    with answering(json.dumps([CALL])) as server:
        llm = forced(server, enable_thinking=True)
        with pytest.warns(IgnoredByEngineWarning, match="does not reason when a tool call is"):
            assert called(merged(llm.stream("x")))
    assert server.bodies[0]["enable_thinking"] is False
