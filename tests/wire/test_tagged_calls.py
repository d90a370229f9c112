"""Calls with arguments in tags (Qwen3-Coder's): only the schema determines the type of a value."""

import json

import pytest
import recorded
from langchain_core.messages import HumanMessage

from xinference_magics.wire.answer import to_message
from xinference_magics.wire.calls.splitter import ToolCallSplitter
from xinference_magics.wire.request import ModelDefaults, chat_request
from xinference_magics.wire.stream import StreamConverter


def tool(name, **properties):
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
TOOLS = [
    tool(
        "write",
        path=TEXT,
        text=TEXT,
        mode=NUMBER,
        force={"type": "boolean"},
        tags={"type": "array", "items": TEXT},
        owner={"anyOf": [TEXT, {"type": "null"}]},
        either={"type": ["string", "integer"]},
        kind={"enum": ["1", "2"]},
        anything={},
    ),
    tool("now"),
]


def tagged(name, **parameters):
    """Return a call as Qwen3-Coder's chat template writes it."""
    lines = [f"<parameter={key}>\n{value}\n</parameter>" for key, value in parameters.items()]
    return "\n".join(["<tool_call>", f"<function={name}>", *lines, "</function>", "</tool_call>"])


def read(text):
    """Return the only call in a text."""
    splitter = ToolCallSplitter(TOOLS)
    (left, calls), (more, rest) = splitter.feed(text), splitter.end()
    [call] = calls + rest
    assert left + more == ""
    return call


@pytest.mark.parametrize(
    ("parameter", "written", "value"),
    [
        ("path", "a.txt", "a.txt"),
        ("path", "123", "123"),
        ("path", '"quoted"', '"quoted"'),
        ("path", "", ""),
        ("text", 'if a < b:\n    print("<b>")\n', 'if a < b:\n    print("<b>")\n'),
        ("text", "\n\nindented\n", "\n\nindented\n"),
        ("mode", "420", 420),
        ("force", "true", True),
        ("force", "True", True),
        ("tags", '["a", "ü"]', ["a", "ü"]),
        ("owner", "null", None),
        ("owner", "None", None),
        ("owner", "42", "42"),
        ("either", "42", 42),
        ("either", "forty-two", "forty-two"),
        ("kind", "1", "1"),
        ("anything", '{"a": 1}', {"a": 1}),
        ("anything", "just text", "just text"),
        ("unheard_of", "5", 5),
        ("unheard_of", "five", "five"),
    ],
)
def test_values_have_the_types_of_the_schema(parameter, written, value):
    call = read(tagged("write", **{parameter: written}))
    assert (call.name, call.complete) == ("write", True)
    assert json.loads(call.arguments) == {parameter: value}


def test_a_call_on_one_line_and_one_without_parameters():
    call = read("<function=write><parameter=path>a</parameter></function>")
    assert json.loads(call.arguments) == {"path": "a"}
    assert read(tagged("now")).arguments == "{}"


@pytest.mark.parametrize(
    "text",
    [
        "<function=write>\n<parameter=path>\na\n</function>",
        "<function=write>\n<parameter=path>a\n<parameter=mode>1</parameter></function>",
        "<function=write>\nwords\n</function>",
        "<function=write>\n<parameter=>1</parameter></function>",
        "<function=write>\n<parameter=path>1</parameter>more</function>",
        "<function=write>\n<parameter=mode>\nmany\n</parameter>\n</function>",
        "<function=write>\n<parameter=tags>\n[[[\n</parameter>\n</function>",
        f"<function=write><parameter=tags>{'[' * 99_999}</parameter></function>",
    ],
)
def test_a_broken_call_is_invalid(text):
    call = read(f"<tool_call>\n{text}\n</tool_call>")
    assert (call.name, call.complete) == ("write", False)


TALK = f"Let me write.\n{tagged('write', path='a', text='x = 1')}\n{tagged('now')}\n\nDone."


def request(**call):
    return chat_request([HumanMessage("x")], ModelDefaults(model_uid="coder"), call)


def check(message):
    assert message.content == "Let me write.\n\nDone."
    assert [(each["name"], each["args"]) for each in message.tool_calls] == [
        ("write", {"path": "a", "text": "x = 1"}),
        ("now", {}),
    ]
    assert message.invalid_tool_calls == []
    assert message.response_metadata["finish_reason"] == "tool_calls"


def merged(text, size, finish="stop", **call):
    converter = StreamConverter(request(**call))
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    found = [converter.feed(chunk) for chunk in recorded.transformers(*pieces, finish=finish)]
    first, *others = [*(each for each in found if each is not None), converter.end()]
    for each in others:
        first += each
    first.message.response_metadata |= first.generation_info or {}
    return first.message


def test_a_whole_answer():
    check(to_message(recorded.whole({"content": TALK}), request(tools=TOOLS)))


@pytest.mark.parametrize("size", [1, 2, 5, 11, 1000])
def test_a_streamed_answer(size):
    check(merged(TALK, size, tools=TOOLS))


@pytest.mark.parametrize("cut", range(len("Let me write.\n<tool_call>"), 95))
def test_a_stream_that_was_cut_has_an_invalid_call(cut):
    message = merged(TALK[:cut], 3, finish="length", tools=TOOLS)
    assert (message.content, message.tool_calls) == ("Let me write.", [])
    assert len(message.invalid_tool_calls) == 1


def test_without_tools_it_is_text():
    assert merged(TALK, 4).content == TALK


SCRIPT = "\n#!/bin/sh\necho hi\n"


@pytest.mark.parametrize(
    "text",
    [
        tagged("write", text=SCRIPT),
        f"<tool_call>write\n<arg_key>text</arg_key>\n<arg_value>{SCRIPT}</arg_value>\n</tool_call>",
        (
            '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="write">\n<｜DSML｜parameter name="text" '
            f'string="true">{SCRIPT}</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>'
        ),
        (
            '<|open|>tools<|sep|><|open|>call tool="write" index="0"<|sep|>'
            f'<|open|>argument key="text" type="string"<|sep|>{SCRIPT}<|close|>argument<|sep|>'
            "<|close|>call<|sep|><|close|>tools<|sep|>"
        ),
        (
            f'<minimax:tool_call><invoke name="write"><parameter name="text">{SCRIPT}</parameter>'
            "</invoke></minimax:tool_call>"
        ),
        f'<tool_call><invoke name="write"><text>{SCRIPT}</text></invoke></tool_call>',
        f'<function name="write"><param name="text">{SCRIPT}</param></function>',
        (
            f"<seed:tool_call><function=write><parameter=text>{SCRIPT}</parameter></function>"
            "</seed:tool_call>"
        ),
    ],
)
def test_the_line_breaks_of_a_string_are_kept(text):
    assert json.loads(read(text).arguments) == {"text": SCRIPT}
