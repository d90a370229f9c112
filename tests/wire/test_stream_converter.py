from itertools import pairwise

import pytest
import recorded
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from xinference_magics.errors import StreamError
from xinference_magics.wire.request import ModelDefaults, chat_request
from xinference_magics.wire.stream import StreamConverter, as_chunk

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def convert(chunks, *, think_prefilled=False, **call):
    """Return all chunks as messages."""
    model = ModelDefaults(model_uid="tiny", think_prefilled=think_prefilled)
    request = chat_request([HumanMessage("x")], model, call)
    converter = StreamConverter(request)
    found = [converter.feed(chunk) for chunk in chunks]
    generations = [*(each for each in found if each is not None), converter.end()]
    for each in generations:  # as langchain-core does
        each.message.response_metadata |= each.generation_info or {}
    return [each.message for each in generations]


def merged(chunks, **kwargs):
    first, *others = convert(chunks, **kwargs)
    return first + others


@pytest.mark.parametrize("engine", [recorded.transformers, recorded.llama])
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_both_engines_give_the_same_result(engine, finish):
    chunks = convert(engine("Hel", "lo", " 世界!", finish=finish))
    assert [chunk.content for chunk in chunks] == ["Hel", "lo", " 世界!", ""]
    last = chunks[-1]
    assert last.chunk_position == "last"
    assert last.usage_metadata["total_tokens"] == 36
    assert last.response_metadata["finish_reason"] == finish
    assert last.response_metadata["model_name"] == "tiny"
    assert last.response_metadata["model_provider"] == "xinference"


@pytest.mark.parametrize("engine", [recorded.transformers, recorded.llama])
def test_usage_and_the_model_name_come_once(engine):
    chunks = convert(engine("a", "b"))
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False, False, True]
    assert ["model_name" in chunk.response_metadata for chunk in chunks] == [False, False, True]


def test_the_additional_metadata_of_llama_cpp():
    last = convert(recorded.llama("a"))[-1]
    assert last.usage_metadata["input_token_details"] == {"cache_read": 20}
    assert last.response_metadata["timings"] == {"predicted_per_second": 61.5}


def test_a_stream_without_usage_has_none():
    assert convert(recorded.llama("a")[:-1])[-1].usage_metadata is None


def test_an_empty_answer_is_an_answer():
    [only] = convert(recorded.transformers())
    assert (only.content, only.response_metadata["finish_reason"]) == ("", "stop")


def test_an_end_without_a_finish_reason_is_an_error():
    with pytest.raises(StreamError, match="The answer of tiny was cut off before its end"):
        convert([recorded.chunk({"content": "a"})])


def test_reasoning_comes_first_and_is_trimmed():
    thought, said = recorded.thought, recorded.said
    chunks = convert(
        recorded.llama(thought("\nI "), thought("add."), thought("\n"), said("\n\n"), said("4"))
    )
    parts = [(each.additional_kwargs.get("reasoning_content"), each.content) for each in chunks]
    assert parts == [("I", ""), (" add.", ""), (None, "4"), (None, "")]
    first, *others = chunks
    blocks = (first + others).content_blocks
    assert blocks == [
        {"type": "reasoning", "reasoning": "I add."},
        {"type": "text", "text": "4"},
    ]


def test_an_answer_that_llama_cpp_calls_reasoning():
    chunks = recorded.llama(recorded.thought("I add. "), recorded.thought("4"))
    assert merged(chunks).content == "I add. 4"
    off = merged(chunks, enable_thinking=False)
    assert (off.content, off.additional_kwargs) == ("I add. 4", {})


def test_reasoning_cut_by_max_tokens_is_not_an_answer():
    message = merged(recorded.llama(recorded.thought("I a"), finish="length"))
    assert (message.content, message.additional_kwargs) == ("", {"reasoning_content": "I a"})


@given(st.data())
def test_tags_in_the_text_however_it_is_cut(data):
    text = (
        "<think>\nI <add>.\n</think>\n\nLet me see.\n"
        '<tool_call>\n{"name": "f", "arguments": {"a": "<tool_call>"}}\n</tool_call>\n'
        '<tool_call>{"name": "f", "arguments": {}}</tool_call>\n\nThere.'
    )
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    bounds = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(bounds)]
    message = merged(recorded.transformers(*pieces), tools=[TOOL])
    assert message.content == "Let me see.\n\nThere."
    assert message.additional_kwargs == {"reasoning_content": "I <add>."}
    assert [each["args"] for each in message.tool_calls] == [{"a": "<tool_call>"}, {}]
    assert message.response_metadata["finish_reason"] == "tool_calls"


def test_reasoning_whose_opening_tag_was_in_the_prompt():
    chunks = recorded.transformers("I add.\n</thi", "nk>\n4")
    message = merged(chunks, think_prefilled=True)
    assert (message.content, message.additional_kwargs["reasoning_content"]) == ("4", "I add.")


def test_interleaved_calls_are_distinguished_by_their_index():
    begin, more = recorded.call_begin, recorded.call_more
    message = merged(
        recorded.llama(
            begin("f", 0),
            begin("g", 1),
            more('"a": 1', 0),
            more('"b": ', 1),
            more("}", 0),
            more("2}", 1),
            {"tool_calls": []},
            finish="tool_calls",
        ),
        tools=[TOOL],
    )
    assert [(each["name"], each["args"]) for each in message.tool_calls] == [
        ("f", {"a": 1}),
        ("g", {"b": 2}),
    ]
    assert [each["id"] for each in message.tool_calls] == ["call0", "call1"]


@pytest.mark.parametrize(
    "pieces",
    [
        ("{", '"city": "Par'),
        ("{", '"city": "Par\\'),
        ("{", '"city": ["a"'),
        ("{bad}",),
        ("",),
    ],
)
def test_arguments_cut_by_max_tokens_are_invalid(pieces):
    first, *others = pieces
    deltas = [recorded.call_begin("f", 0, first), *map(recorded.call_more, others)]
    message = merged(recorded.llama(*deltas, finish="length"), tools=[TOOL])
    assert message.tool_calls == []
    [call] = message.invalid_tool_calls
    assert call["name"] == "f"
    assert call["args"].startswith("".join(pieces))


def test_a_call_without_arguments_is_valid():
    message = merged(recorded.llama(recorded.call_begin("f", 0, ""), finish="tool_calls"))
    assert [each["args"] for each in message.tool_calls] == [{}]


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "f", "arguments": {"a": 1',
        "<tool_call>{",
    ],
)
def test_an_incomplete_call_in_the_text_is_invalid(text):
    message = merged(recorded.transformers(text, finish="length"), tools=[TOOL])
    assert (message.content, message.tool_calls) == ("", [])
    assert len(message.invalid_tool_calls) == 1
    assert message.response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(
    ("before", "left"),
    [
        ("<tool_cal", ""),
        ("```json\n<tool_cal", ""),
        ("Let me look. <tool_call", "Let me look."),
        ("Let me look.\n```json\n<tool_cal", "Let me look."),
        ("```py\nx = 1\n```\n<tool_cal", "```py\nx = 1\n```"),
        ("Is 1 <", "Is 1 <"),
    ],
)
def test_the_beginning_of_a_tag_that_a_parser_lets_through_is_not_shown(before, left, beside):
    for cut in range(len(before)):
        first, last = before[:cut], {"content": before[cut:]}
        calls = recorded.call_begin("f", arguments="{}")
        deltas = [first, last | calls] if beside else [first, last, calls]
        answer = merged(recorded.llama(*deltas, finish="tool_calls"), tools=[TOOL])
        assert (answer.content, len(answer.tool_calls)) == (left, 1), cut


def test_logprobs_are_joined():
    chunks = recorded.llama("a", "b")
    for chunk, token in zip(chunks[1:3], "ab", strict=True):
        chunk["choices"][0]["logprobs"] = {"content": [{"token": token, "logprob": -0.5}]}
    tokens = merged(chunks).response_metadata["logprobs"]["content"]
    assert [each["token"] for each in tokens] == ["a", "b"]


def test_shapes_of_other_servers():
    """vLLM's style: `reasoning`, no content key, usage on any chunk, null lists."""
    chunks = [
        recorded.chunk({"role": "assistant"}, usage=None),
        recorded.chunk({"reasoning": "hm"}),
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        recorded.chunk({"content": "4", "tool_calls": None}),
        recorded.chunk({}, "stop"),
        {"choices": None, "usage": recorded.USAGE},
    ]
    message = merged(chunks)
    assert (message.content, message.additional_kwargs) == ("4", {"reasoning_content": "hm"})
    assert message.usage_metadata["total_tokens"] == 36


THOUGHT = {"reasoning_content": "I call."}


def swallowed(pieces, engine="vllm", finish="stop"):
    """Return whether an answer of seven tokens has to be requested again."""
    model = ModelDefaults(model_uid="tiny", engine=engine)
    converter = StreamConverter(chat_request([HumanMessage("x")], model, {"tools": [TOOL]}))
    for each in pieces:
        converter.feed(recorded.chunk({"content": each} if isinstance(each, str) else each))
    converter.feed(recorded.chunk({}, finish, usage=recorded.USAGE))
    converter.end()
    return converter.swallowed


@pytest.mark.parametrize("finish", ["stop", "tool_calls"])
@pytest.mark.parametrize(
    "pieces",
    [[""], [" "], ["\n", "\n"], ["<think>I call.</think>\n\n"], [THOUGHT], ["<tool_cal"]],
)
def test_an_answer_without_words_was_swallowed(pieces, finish):
    assert swallowed(pieces, finish=finish)
    assert not swallowed([*pieces, "OK"], finish=finish)
    assert not swallowed(pieces, finish="length")


def test_reasoning_may_be_the_whole_answer():
    assert not swallowed([THOUGHT], engine="llama.cpp")
    asked = ModelDefaults(model_uid="tiny", engine="vllm")
    request = chat_request([HumanMessage("x")], asked, {"tools": [TOOL]})
    converter = StreamConverter(request)
    converter.feed(as_chunk(recorded.whole(THOUGHT), request))
    assert converter.end().message.content == "I call."
    assert not converter.swallowed


def test_a_forced_call_after_an_opening_tag():
    model = ModelDefaults(model_uid="tiny", engine="vllm", family="qwen3-thinking")
    call = {"tools": [TOOL], "tool_choice": "required"}
    converter = StreamConverter(chat_request([HumanMessage("x")], model, call))
    text = '<think>\n[{"name": "f", "arguments": {"a": 1}}]'
    chunks = [converter.feed(chunk) for chunk in recorded.transformers(*text)]
    first, *others = [each.message for each in chunks if each] + [converter.end().message]
    message = sum(others, first)
    assert (message.content, message.tool_calls[0]["args"]) == ("", {"a": 1})
    assert not message.additional_kwargs
