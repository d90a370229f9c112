import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.tools import tool
from pydantic import BaseModel

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.native_calls import beyond_repair, is_object
from xinference_magics.wire.tools import tool_dicts, wire_choice


@pytest.mark.parametrize("arguments", ["{}", "", '{"a": {"b": [1, "}"]}}'])
def test_what_counts_as_arguments(arguments):
    assert is_object(arguments)


@given(st.text(alphabet='{}[]":,a1\\ \n', max_size=30))
def test_truncated_arguments_are_never_repaired_by_langchain_core(arguments):
    if is_object(arguments):
        return
    end = beyond_repair(arguments)
    pieces = [
        AIMessageChunk("", tool_call_chunks=[tool_call_chunk(name="f", args=text, id=id_, index=0)])
        for text, id_ in ((arguments, "1"), (end, None))
    ]
    merged = pieces[0] + pieces[1]
    assert merged.tool_calls == []
    assert [call["args"] for call in merged.invalid_tool_calls] == [arguments + end]


@tool
def get_weather(city: str) -> str:
    """Tell the weather."""
    return city


class Add(BaseModel):
    """Add two numbers."""

    a: int
    b: int


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (False, None),
        ("auto", "auto"),
        ("none", "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("Add", {"type": "function", "function": {"name": "Add"}}),
        (
            {"type": "function", "function": {"name": "Add"}},
            {"type": "function", "function": {"name": "Add"}},
        ),
        ({"type": "tool", "name": "Add"}, {"type": "function", "function": {"name": "Add"}}),
        ({"type": "any"}, "required"),
        ({"type": "auto"}, "auto"),
    ],
)
def test_every_form_of_a_choice(choice, sent):
    assert wire_choice(choice, tool_dicts([get_weather, Add])) == sent


def test_a_choice_of_an_unknown_tool():
    with pytest.raises(BadRequestError, match=r"get_wether.*Did you mean get_weather"):
        wire_choice("get_wether", tool_dicts([get_weather]))
    with pytest.raises(BadRequestError, match="The tools are Add"):
        wire_choice("nothing alike", tool_dicts([Add]))
    with pytest.raises(BadRequestError, match="The tools are none"):
        wire_choice("search", [{"type": "web_search"}])


def test_tools_may_have_any_form_and_are_converted_once():
    once = tool_dicts([get_weather, Add])
    assert [each["function"]["name"] for each in once] == ["get_weather", "Add"]
    assert tool_dicts(once) == once
