"""Several answers to one prompt: which continues the conversation, and what a notebook stores."""

import json

import pytest
from langchain_core.messages import AIMessage

from xinference_magics.chat import storage
from xinference_magics.chat.comparison import COMPARISON_MIME, Comparison
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.turn import RECORD_MIME, Turn
from xinference_magics.errors import NotebookError

CELL = Execution(1, "A")


def turn(text, uid="m", **fields):
    return Turn("A question?", AIMessage(text), uid, **fields)


def failed(text=""):
    return turn(text, status="failed", error="The server is gone.")


def compared(*turns, conversation=None):
    """Compare a, b, ... as a cell does."""
    conversation = conversation or Conversation("talk")
    comparison = Comparison(tuple("abcd"[: len(turns)]), list(turns), conversation)
    if comparison.kept is not None:
        conversation.add(comparison.kept, CELL)
    return comparison


@pytest.mark.parametrize(
    ("turns", "kept"),
    [
        ([turn("one"), turn("two")], "a"),
        ([failed(), turn("two")], "b"),
        ([failed("some"), turn("two", status="stopped")], "b"),
        ([failed(), failed("some")], "b"),
        ([turn(""), turn("two")], "a"),
        ([turn("", status="stopped"), turn("", status="stopped")], None),
    ],
)
def test_the_first_that_answered_is_kept(turns, kept):
    assert compared(*turns).kept_name == kept


def test_another_answer_is_kept_instead():
    comparison = compared(turn("one"), turn("two"))
    conversation, shown = comparison.conversation, []
    comparison.on_kept = lambda each: shown.append(each.kept_name)
    conversation.add(turn("later"), Execution(2, "B"))
    assert comparison.keep("b") is comparison["b"]
    assert [each.text for each in conversation.turns] == ["two", "later"]
    assert [each.conversation for each in comparison] == [None, "talk"]
    assert shown == ["b"]
    comparison.keep("b")
    assert [each.text for each in conversation.turns] == ["two", "later"]
    assert conversation.before(Execution(3, "A")) == []  # its cell still determines its place


def test_what_cannot_be_kept_is_named():
    comparison = compared(turn("one"), failed())
    with pytest.raises(NotebookError, match=r"c was not compared\. Compared: a, b\."):
        comparison.keep("c")
    with pytest.raises(NotebookError, match=r"b has not answered\. The server is gone"):
        comparison.keep("b")
    again = compared(turn("one"), turn("two"), conversation=comparison.conversation)
    comparison.conversation.clear()
    with pytest.raises(NotebookError, match=r"no longer in the conversation\. Run its cell"):
        again.keep("b")
    assert again.kept_name == "a"
    with pytest.raises(NotebookError, match="outside any conversation"):
        Comparison(("a", "b"), [turn("one"), turn("two")]).keep("b")


def output(**data):
    return {"output_type": "display_data", "data": data}


def cell(cell_id, *outputs):
    return {"cell_type": "code", "id": cell_id, "source": "%%chat\nHello", "outputs": outputs}


def restored(tmp_path, *cells):
    path = tmp_path / "some.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    return storage.restore(path, ("%%chat",))


def test_only_the_kept_turn_of_a_saved_comparison_is_restored(tmp_path):
    comparison = compared(turn("one"), turn("two"))
    comparison.keep("b")
    again = comparison.kept.to_record()  # a later cell showed the turn too
    found = restored(
        tmp_path,
        cell("A", output(**{COMPARISON_MIME: comparison.to_record()})),
        cell("B", output(**{RECORD_MIME: again})),
    )
    assert [each.text for each in found.conversations["talk"].turns] == ["two"]
    assert (found.invalid, found.lost) == ([], [])


def test_turns_outside_any_conversation_stay_outside(tmp_path):
    outside = Comparison(("a", "b"), [turn("one"), turn("two")])
    found = restored(
        tmp_path,
        cell("A", output(**{COMPARISON_MIME: outside.to_record()})),
        cell("B", output(**{RECORD_MIME: turn("once", conversation=None).to_record()})),
    )
    assert (found.conversations, found.invalid, found.lost) == ({}, [], [])


@pytest.mark.parametrize("record", [None, [], {"turns": 3}, {"turns": [{"version": 1}]}])
def test_a_forged_comparison_is_reported_and_not_restored(tmp_path, record):
    found = restored(tmp_path, cell("A", output(**{COMPARISON_MIME: record})))
    assert found.conversations == {}
    assert [line.partition(": ")[0] for line in found.invalid] == ["cell 1"]


def test_it_is_a_collection_that_names_its_turns():
    comparison = compared(turn("one"), turn("two"))
    assert [each.text for each in comparison] == ["one", "two"]
    assert len(comparison) == 2
    assert comparison.titles == ["a (m)", "b (m)"]
    assert repr(comparison) == "<Comparison of a, b: continuing with a>"
    comparison.names = ("a\x1b[2J", "b")
    assert "\x1b" not in repr(comparison)
