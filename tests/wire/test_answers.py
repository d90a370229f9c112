import json

import pytest
import recorded
from langchain_core.messages import HumanMessage

from xinference_magics.errors import ServerError
from xinference_magics.wire.answer import to_message
from xinference_magics.wire.request import ModelDefaults, chat_request, text_request
from xinference_magics.wire.stream import StreamConverter
from xinference_magics.wire.text import TextStreamConverter, to_generation

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


def read(data, **call):
    request = chat_request([HumanMessage("x")], ModelDefaults(model_uid="tiny"), call)
    return to_message(data, request)


def test_text_usage_and_metadata():
    message = read(recorded.whole({"content": "Hello!"}, timings={"predicted_n": 2}))
    assert message.content == "Hello!"
    assert message.usage_metadata == {
        "input_tokens": 24,
        "output_tokens": 12,
        "total_tokens": 36,
    }
    metadata = message.response_metadata
    assert metadata.pop("request_id")
    assert metadata == {
        "model_name": "tiny",
        "model_provider": "xinference",
        "finish_reason": "stop",
        "timings": {"predicted_n": 2},
    }


def test_cached_and_reasoning_tokens():
    usage = {
        **recorded.USAGE,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    found = read(recorded.whole({"content": "x"}, usage=usage)).usage_metadata
    assert found["input_token_details"] == {"cache_read": 20}
    assert found["output_token_details"] == {"reasoning": 3}


def test_logprobs_go_into_the_metadata():
    data = recorded.whole({"content": "x"})
    data["choices"][0]["logprobs"] = {"content": [{"token": "x", "logprob": -0.1}]}
    [token] = read(data).response_metadata["logprobs"]["content"]
    assert token == {"token": "x", "logprob": -0.1}


@pytest.mark.parametrize(
    ("said", "thought", "text"),
    [
        ({"reasoning_content": "\nI add.\n", "content": "\n\n4."}, "I add.", "4."),
        ({"reasoning": "I add.", "content": "4."}, "I add.", "4."),
        ({"content": "<think>\nI add.\n</think>\n\n4."}, "I add.", "4."),
        ({"content": None, "reasoning_content": "4."}, None, "4."),
    ],
)
def test_reasoning_and_answer(said, thought, text):
    message = read(recorded.whole(said))
    assert message.content == text
    assert message.additional_kwargs.get("reasoning_content") == thought
    blocks = [block["type"] for block in message.content_blocks]
    assert blocks == (["reasoning", "text"] if thought else ["text"])


def test_an_answer_is_not_reasoning_when_thinking_is_off():
    message = read(
        recorded.whole({"reasoning_content": "4.", "content": ""}), enable_thinking=False
    )
    assert (message.content, message.additional_kwargs) == ("4.", {})


def test_reasoning_that_was_cut_off_is_not_an_answer():
    message = read(recorded.whole({"reasoning_content": "I a", "content": ""}, finish="length"))
    assert (message.content, message.additional_kwargs) == ("", {"reasoning_content": "I a"})


def call(arguments):
    return {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}


def test_tool_calls():
    calls = [call('{"a": 1}'), call(""), call('{"a": "1\n2"}'), call("{bad"), call("[1]")]
    message = read(recorded.whole({"content": "", "tool_calls": calls}, finish="tool_calls"))
    assert [each["args"] for each in message.tool_calls] == [{"a": 1}, {}, {"a": "1\n2"}]
    assert [each["args"] for each in message.invalid_tool_calls] == ["{bad", "[1]"]


def test_a_call_cut_before_its_arguments_is_invalid():
    message = read(recorded.whole({"content": "", "tool_calls": [call("")]}, finish="length"))
    assert message.tool_calls == []
    assert [each["name"] for each in message.invalid_tool_calls] == ["f"]


@pytest.mark.parametrize("name", ["5", "null", '["f"]'])
def test_a_call_without_a_valid_name_stays_text(name):
    text = f'<tool_call>{{"name": {name}, "arguments": {{}}}}</tool_call>'
    message = read(recorded.whole({"content": text}), tools=[TOOL])
    assert (message.content, message.tool_calls) == (text, [])
    assert message.invalid_tool_calls == []


def test_calls_that_the_engine_left_in_the_text():
    text = 'Let me see.\n<tool_call>\n{"name": "get_weather", "arguments": {"a": 1}}\n</tool_call>'
    message = read(recorded.whole({"content": text, "tool_calls": []}), tools=[TOOL])
    assert message.content == "Let me see."
    assert message.tool_calls[0]["args"] == {"a": 1}
    assert message.response_metadata["finish_reason"] == "tool_calls"


def test_calls_in_the_text_stay_text_without_tools():
    text = "<tool_call> is how Qwen calls."
    assert read(recorded.whole({"content": text})).content == text


def test_an_answer_without_a_message():
    with pytest.raises(ServerError, match="tiny sent an answer without a message"):
        read({"choices": []})


LONE = "\ud83d"


def logprobs(token):
    others = [{"token": token, "logprob": -0.5}]
    return {"content": [{"token": token, "logprob": -0.5, "top_logprobs": others}]}


WHOLE_LOGPROBS = logprobs("\ufffd")


def with_halves(words, key):
    """Return a response with halves of characters in all that comes beside the text."""
    call = {"id": f"call{LONE}", "function": {"name": "get_weather", "arguments": "{}"}}
    choice = {
        key: {**words, "tool_calls": [call]},
        "logprobs": logprobs(LONE),
        "finish_reason": "tool_calls",
    }
    beside = {"system_fingerprint": f"b1{LONE}", "timings": {LONE: [LONE, "\U0001f600"]}}
    return {"choices": [choice], **beside}


def check_halves(message):
    assert json.loads(message.model_dump_json())["type"]
    assert message.tool_calls[0]["id"] == "call\ufffd"
    assert message.response_metadata["system_fingerprint"] == "b1\ufffd"
    assert message.response_metadata["timings"] == {"\ufffd": ["\ufffd", "\U0001f600"]}


def test_halves_of_characters_beside_the_text_are_replaced():
    message = read(with_halves({"content": ""}, "message"), tools=[TOOL])
    check_halves(message)
    assert message.response_metadata["logprobs"] == WHOLE_LOGPROBS


def test_halves_of_characters_beside_a_stream_are_replaced():
    request = chat_request([HumanMessage("x")], ModelDefaults(model_uid="tiny"), {"tools": [TOOL]})
    converter = StreamConverter(request)
    chunk = converter.feed(with_halves({"content": ""}, "delta"))
    assert chunk.generation_info["logprobs"] == WHOLE_LOGPROBS
    check_halves(chunk.message + converter.end().message)


@pytest.mark.parametrize(
    "said", [{"message": {"content": "Hi"}}, {"delta": {"content": "Hi"}}, {"text": "Hi"}]
)
def test_an_answer_in_the_form_of_another_api_is_read(said):
    assert read({"choices": [{**said, "finish_reason": "stop"}]}).content == "Hi"
    text = text_request("x", ModelDefaults(model_uid="tiny"), {})
    generation = to_generation({"choices": [{**said, "finish_reason": "stop"}]}, text)
    assert generation.text == "Hi"
    converter = TextStreamConverter(text)
    assert converter.feed({"choices": [{**said, "finish_reason": None}]}).text == "Hi"


def test_an_answer_that_says_nothing_is_refused():
    silent = {"choices": [{"index": 0, "finish_reason": "stop"}]}
    with pytest.raises(ServerError, match="tiny sent an answer without a message"):
        read(silent)
    with pytest.raises(ServerError, match="tiny sent an answer without a text"):
        to_generation(silent, text_request("x", ModelDefaults(model_uid="tiny"), {}))
