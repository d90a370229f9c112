"""What a cell and a table say of turns that ended early, or without an answer."""

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from xinference_magics.chat.turn import Turn
from xinference_magics.notebook.chatting.turns import remarks
from xinference_magics.notebook.results.conversations import TurnRows

STEPS = [
    AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1", "type": "tool_call"}]),
    ToolMessage("2", tool_call_id="1"),
]


def ended(text, reason="stop", **fields):
    return Turn("1+1?", AIMessage(text, response_metadata={"finish_reason": reason}), "m", **fields)


def test_an_empty_answer_after_tools_is_noted():
    assert remarks(ended(" ", steps=STEPS)) == ["m gave no answer after the tool calls."]


@pytest.mark.parametrize(
    "turn",
    [
        ended("2", steps=STEPS),
        ended(""),
        ended("", "length", steps=STEPS),
        ended("", steps=STEPS, status="stopped"),
    ],
)
def test_other_turns_are_not(turn):
    assert not remarks(turn)


def test_the_table_of_turns_tells_which_answers_were_truncated():
    turns = [ended("2"), ended("One,", "length"), ended("One,", "length", status="stopped")]
    status = next(column for column in TurnRows.columns if column.title == "status")
    assert [status.value(turn) for turn in turns] == ["done", "truncated", "stopped"]
