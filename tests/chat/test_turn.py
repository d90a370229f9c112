"""A turn, its numbers and its record."""

import json

import pytest
from langchain_core.messages import AIMessage

from xinference_magics.chat.turn import Turn
from xinference_magics.errors import NotebookError


@pytest.fixture
def turn():
    message = AIMessage(
        "Paris.",
        additional_kwargs={"reasoning_content": "France."},
        response_metadata={"finish_reason": "length", "model_name": "m"},
        usage_metadata={"input_tokens": 5, "output_tokens": 21, "total_tokens": 26},
    )
    return Turn("Where?", message, "m", seconds=3.0, first_token_seconds=1.0, parameters={"t": 0})


def test_the_parts_of_a_turn(turn):
    assert turn.text == "Paris."
    assert turn.reasoning == "France."
    assert turn.tokens == 21
    assert turn.tokens_per_second == 10.0
    assert turn.cut
    assert turn.finish_reason == "length"
    assert turn.tool_calls == []
    assert [m.type for m in turn.messages] == ["human", "ai"]
    figures = "21 tokens, 10 tokens/s, 1.0 s to first token, 3.0 s total"
    assert repr(turn) == f"Turn('m', {figures}, done: 'Paris.')"


def test_a_record_goes_through_json_and_back(turn):
    again = Turn.from_record(json.loads(json.dumps(turn.to_record())))
    assert again == turn


@pytest.mark.parametrize(
    "change",
    [
        {"version": 99},
        {"prompt": 3},
        {"status": "won"},
        {"message": None},
        {"message": {"data": {"content": 7}}},
        {"parameters": []},
    ],
)
def test_a_record_is_not_trusted(turn, change):
    with pytest.raises(NotebookError):
        Turn.from_record({**turn.to_record(), **change})


def test_a_record_has_to_be_an_object():
    with pytest.raises(NotebookError):
        Turn.from_record("no")


def test_unknown_numbers_are_none():
    turn = Turn("p", AIMessage("x"), "m")
    assert turn.tokens is None
    assert turn.tokens_per_second is None
    assert turn.finish_reason is None
