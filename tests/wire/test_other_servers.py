"""Answers as other servers and versions send them, whole and streamed."""

import json
from itertools import pairwise

import pytest
import recorded
from deltas import BOTH, PARIS, REQUEST, called, of_pieces, piece, streamed
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from xinference_magics.errors import ServerError, StreamError
from xinference_magics.wire import answer, stream
from xinference_magics.wire.answer import to_message
from xinference_magics.wire.messages import to_wire
from xinference_magics.wire.request import ModelDefaults, text_request
from xinference_magics.wire.shapes import DONE, Characters
from xinference_magics.wire.stream import StreamConverter, as_chunk
from xinference_magics.wire.text import TextStreamConverter, to_generation

TEXT_REQUEST = text_request("x", ModelDefaults(model_uid="tiny"), {})


BLOCKS = [
    ([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}], "", "Hello"),
    (["Hel", {"text": "lo"}], "", "Hello"),
    ({"type": "text", "text": "Hello"}, "", "Hello"),
    ([{"type": "refusal", "refusal": "No."}], "", "No."),
    ([], "", ""),
    (
        [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
            {"type": "text", "text": "Hello"},
        ],
        "Hm.",
        "Hello",
    ),
    ([{"type": "thinking", "thinking": "Hm."}, "Hello"], "Hm.", "Hello"),
]


@pytest.mark.parametrize(("content", "thought", "text"), BLOCKS)
def test_content_in_blocks(content, thought, text):
    whole = to_message(recorded.whole({"content": content}), REQUEST)
    chunks = [recorded.chunk({"content": content}), recorded.chunk({}, "stop")]
    for message in (whole, streamed(chunks)):
        assert message.content == text
        assert message.additional_kwargs.get("reasoning_content", "") == thought


@pytest.mark.parametrize("content", [5, [5], [{"type": "image_url"}], [["a"]], {"thinking": {}}])
def test_invalid_content(content):
    with pytest.raises(ServerError, match="in an unknown format"):
        to_message(recorded.whole({"content": content}), REQUEST)
    with pytest.raises(ServerError, match="in an unknown format"):
        streamed([recorded.chunk({"content": content})])


@pytest.mark.parametrize("kind", ["length", "stop", "abort"])
def test_a_finish_reason_that_is_an_object(kind):
    finish = {"type": kind, "length": 10}
    whole = to_message(recorded.whole({"content": "a"}, finish), REQUEST)
    chunks = [recorded.chunk({"content": "a"}), recorded.chunk({}, finish)]
    for message in (whole, streamed(chunks)):
        assert message.response_metadata["finish_reason"] == kind
    text = to_generation(recorded.whole_text("a", finish), TEXT_REQUEST)
    assert text.generation_info["finish_reason"] == kind
    converter = TextStreamConverter(TEXT_REQUEST)
    converter.feed(recorded.text_chunk("a", finish))
    assert converter.end().generation_info["finish_reason"] == kind


@pytest.mark.parametrize("finish", [None, ""])
def test_a_stream_without_a_finish_reason_ends_at_done(finish):
    chunks = [recorded.chunk({"content": "a"}, finish), recorded.chunk({"content": "b"}, finish)]
    with pytest.raises(StreamError, match="was cut off before its end"):
        streamed(chunks)
    message = streamed([*chunks, {DONE: True}])
    assert (message.content, message.response_metadata["finish_reason"]) == ("ab", "stop")
    call = recorded.chunk({"tool_calls": [piece(PARIS, "weather")]}, finish)
    message = streamed([call, {DONE: True}])
    assert called(message) == BOTH[:1]
    assert message.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("finish", [None, ""])
def test_a_text_completion_without_a_finish_reason_ends_at_done(finish):
    converter = TextStreamConverter(TEXT_REQUEST)
    converter.feed(recorded.text_chunk("a", finish))
    with pytest.raises(StreamError, match="was cut off before its end"):
        converter.end()
    converter.feed({DONE: True})
    assert converter.end().generation_info["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": -1, "completion_tokens": -1, "total_tokens": -1},
        {"prompt_tokens": 24, "completion_tokens": -1, "total_tokens": 23},
        {"prompt_tokens": None, "completion_tokens": None},
        {"total_tokens": 36},
        {"prompt_tokens": "24", "completion_tokens": 12},
        {"prompt_tokens": 10**400, "completion_tokens": 12},
        "x",
        [],
    ],
)
def test_invalid_usage(usage):
    whole = to_message(recorded.whole({"content": "a"}, usage=usage), REQUEST)
    chunks = [recorded.chunk({"content": "a"}), recorded.chunk({}, "stop", usage=usage)]
    for message in (whole, streamed(chunks)):
        assert message.usage_metadata is None
    info = to_generation(recorded.whole_text("a") | {"usage": usage}, TEXT_REQUEST).generation_info
    assert "usage_metadata" not in info


def test_invalid_usage_details():
    usage = {
        **recorded.USAGE,
        "prompt_tokens_details": {"cached_tokens": -1},
        "completion_tokens_details": None,
    }
    message = to_message(recorded.whole({"content": "a"}, usage=usage), REQUEST)
    assert message.usage_metadata == {"input_tokens": 24, "output_tokens": 12, "total_tokens": 36}


HALVES = [
    (("a\ud83d", "\ude00b"), "a😀b"),
    (("\ud83d", "", "\ude00\ud83d", "\ude01"), "😀😁"),
    (("a\ud83d", "b"), "a\ufffdb"),
    (("\ude00", "b"), "\ufffdb"),
    (("a\ud83d",), "a\ufffd"),
    (("\ud83d\ud83d", "\ude00"), "\ufffd😀"),
]


@pytest.mark.parametrize(("pieces", "text"), HALVES)
def test_halves_of_characters(pieces, text):
    for name in ("content", "reasoning_content"):
        chunks = [recorded.chunk({name: each}) for each in pieces]
        message = streamed([*chunks, recorded.chunk({}, "length")])
        said = message.additional_kwargs.get("reasoning_content") or message.content
        assert said == text
    arguments = [piece('{"city": "', "weather", index=0, id="a"), *map(piece, pieces), piece('"}')]
    assert called(of_pieces(*arguments)) == [("weather", {"city": text})]
    escaped = [piece(json.dumps(each)[1:-1]) for each in pieces]
    assert called(of_pieces(arguments[0], *escaped, arguments[-1])) == [("weather", {"city": text})]
    converter = TextStreamConverter(TEXT_REQUEST)
    found = [converter.feed(recorded.text_chunk(each)) for each in pieces]
    converter.feed(recorded.text_chunk("", "stop"))
    assert "".join(each.text for each in [*found, converter.end()] if each) == text


@pytest.mark.parametrize(
    "arguments", [{"city": "a\ud83d"}, '{"city": "a\ud83d"}', r'{"city": "a\ud83d"}']
)
def test_half_a_character_in_a_whole_answer(arguments):
    call = piece(arguments, "weather", id="a")
    said = {"content": "a\ud83d", "reasoning_content": "\ude00", "tool_calls": [call]}
    message = to_message(recorded.whole(said, "tool_calls"), REQUEST)
    assert message.content == "a\ufffd"
    assert message.additional_kwargs["reasoning_content"] == "\ufffd"
    assert called(message) == [("weather", {"city": "a\ufffd"})]
    text = to_generation(recorded.whole_text("a\ud83d"), TEXT_REQUEST).text
    assert text == "a\ufffd"


@pytest.mark.parametrize("half", ["\\ud83d", "\ud83d"])
def test_half_a_character_in_a_call_that_we_parse(half):
    object_ = f'{{"city": "a{half}"}}'
    text = f'<tool_call>\n{{"name": "weather", "arguments": {object_}}}\n</tool_call>'
    wanted = [("weather", {"city": "a\ufffd"})]
    assert called(to_message(recorded.whole({"content": text}), REQUEST)) == wanted
    assert called(streamed(recorded.llama(*text))) == wanted
    twice = json.dumps(object_)
    assert called(of_pieces(piece(twice, "weather", index=0, id="a"))) == wanted
    whole = recorded.whole({"tool_calls": [piece(twice, "weather", id="a")]}, "tool_calls")
    assert called(to_message(whole, REQUEST)) == wanted


@given(
    st.text(st.sampled_from("aü世😀"), max_size=8).flatmap(
        lambda text: st.tuples(st.just(text), st.lists(st.integers(0, 20), max_size=5))
    )
)
def test_a_text_cut_anywhere_in_utf_16(case):
    text, cuts = case
    units = text.encode("utf-16-le")
    bounds = [0, *sorted(min(2 * cut, len(units)) for cut in cuts), len(units)]
    pieces = [
        units[begin:end].decode("utf-16-le", "surrogatepass") for begin, end in pairwise(bounds)
    ]
    characters = Characters()
    assert "".join([*map(characters.feed, pieces), characters.end()]) == text


@pytest.mark.parametrize("key", ["a", 0, None])
def test_calls_with_one_id_in_a_message_instead_of_a_delta(key):
    calls = [piece("{}", "time", id=key), piece("{}", "time", id=key)]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    chunk = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    assert called(streamed([chunk])) == [("time", {}), ("time", {})]


@pytest.mark.parametrize("said", [{"text": "Hel"}, {"message": {"content": "Hel"}}])
def test_text_instead_of_a_delta(said):
    chunk = {"choices": [{"index": 0, **said, "finish_reason": None}]}
    converter = StreamConverter(REQUEST)
    assert converter.feed(chunk).message.content == "Hel"
    assert stream.has_words(chunk)
    assert streamed([chunk, chunk, {DONE: True}]).content == "HelHel"


@pytest.mark.parametrize("finish", [None, "", "stop"])
def test_a_whole_answer_for_a_stream_is_complete(finish):
    for data in (
        {**recorded.whole({"content": "a"}, finish), DONE: True},
        as_chunk(recorded.whole({"content": "a"}, finish), REQUEST),
        as_chunk({"choices": [{"text": "a", "finish_reason": finish}]}, REQUEST),
    ):
        message = streamed([data])
        assert (message.content, message.response_metadata["finish_reason"]) == ("a", "stop")


REFUSALS = [
    [{"refusal": "No\ud83d"}, {"refusal": "\ude00."}],
    [{"refusal": None, "content": None}, {"content": [{"type": "refusal", "refusal": "No😀."}]}],
    [{"content": {"type": "refusal", "refusal": "No😀."}}],
]


@pytest.mark.parametrize("deltas", REFUSALS)
def test_a_refusal_is_noted(deltas):
    message = streamed([*map(recorded.chunk, deltas), recorded.chunk({}, "stop")])
    assert (message.content, message.response_metadata["refusal"]) == ("No😀.", "No😀.")
    whole = to_message(recorded.whole(deltas[-1]), REQUEST)
    assert whole.response_metadata["refusal"] == whole.content


def test_no_refusal_is_noted_without_one():
    message = streamed([recorded.chunk({"content": "a", "refusal": None}), {DONE: True}])
    assert "refusal" not in message.response_metadata


def test_a_message_instead_of_a_delta():
    message = {"role": "assistant", "content": "Hello", "tool_calls": [piece(PARIS, "weather")]}
    chunk = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    found = streamed([chunk])
    assert found.content == "Hello"
    assert called(found) == BOTH[:1]


def test_a_result_of_an_invalid_call_is_sent_with_its_call():
    lost = invalid_tool_call(name="weather", args='{"city": "Par', id="b", error="cut")
    unanswered = invalid_tool_call(name="time", args="", id="c", error="cut")
    good = tool_call(name="weather", args={"city": "Rome"}, id="a")
    history = [
        HumanMessage("x"),
        AIMessage("", tool_calls=[good], invalid_tool_calls=[lost, unanswered]),
        ToolMessage("22", tool_call_id="a"),
        ToolMessage("Arguments are not a JSON object.", tool_call_id="b"),
    ]
    sent = to_wire(history)
    calls = [(each["id"], each["function"]["name"]) for each in sent[1]["tool_calls"]]
    assert calls == [("a", "weather"), ("b", "weather")]
    assert all(
        json.loads(each["function"]["arguments"]) is not None for each in sent[1]["tool_calls"]
    )
    assert [each["tool_call_id"] for each in sent[2:]] == ["a", "b"]
    assert len(history[1].tool_calls) == 1


@pytest.mark.parametrize("kind", [AttributeError, TypeError, ValueError, KeyError, RecursionError])
def test_a_bug_of_ours_surfaces_as_itself(monkeypatch, kind):
    def broken(*_args):
        raise kind("of ours")

    monkeypatch.setattr(answer, "response_metadata", broken)
    monkeypatch.setattr(stream, "object_in", broken)
    with pytest.raises(kind, match="of ours"):
        to_message(recorded.whole({"content": "a"}), REQUEST)
    with pytest.raises(kind, match="of ours"):
        StreamConverter(REQUEST).feed(recorded.chunk({"content": "a"}))
