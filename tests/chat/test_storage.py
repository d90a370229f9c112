"""Conversations in files: what was saved comes back, and nothing else does."""

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from xinference_magics.chat import storage
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.turn import RECORD_MIME, Turn
from xinference_magics.errors import NotebookError

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}


def conversation():
    made = Conversation("trip", "Be brief.")
    made.add(Turn("Hello", AIMessage("Hi *there*"), "m"), Execution(1, "A"))
    steps = [AIMessage("", tool_calls=[CALL]), ToolMessage("2", tool_call_id="c1")]
    picture = [{"type": "text", "text": "What is"}, {"type": "image", "base64": "AA=="}]
    turn = Turn("1+1?", AIMessage("2"), "m", steps=steps, blocks=picture, conversation="trip")
    made.add(turn, Execution(2, "B"))
    return made


def notebook(tmp_path, *cells):
    path = tmp_path / "some.ipynb"
    path.write_text(json.dumps({"cells": list(cells), "nbformat": 4}))
    return path


def cell(cell_id, source, *records):
    outputs = [{"output_type": "display_data", "data": {RECORD_MIME: each}} for each in records]
    return {"cell_type": "code", "id": cell_id, "source": source, "outputs": outputs}


def test_a_saved_conversation_comes_back(tmp_path):
    before = conversation()
    storage.save(before, tmp_path / "trip.json")
    after = storage.load(tmp_path / "trip.json")
    assert (after.name, after.system) == ("trip", "Be brief.")
    assert [turn.to_record() for turn in after.turns] == [turn.to_record() for turn in before.turns]
    assert [type(each) for each in after.messages[-4:]] == [
        HumanMessage,
        AIMessage,
        ToolMessage,
        AIMessage,
    ]
    assert after.messages[2].content == before.turns[1].blocks


def test_markdown_is_for_people(tmp_path):
    storage.save(conversation(), tmp_path / "trip.md")
    text = (tmp_path / "trip.md").read_text()
    assert text.startswith("# trip\n\n> Be brief.\n\n## You\n\nHello\n\n## m\n\nHi *there*")


@pytest.mark.parametrize("name", ["trip.json", "trip.md"])
def test_a_lone_surrogate_from_a_model_is_saved(tmp_path, name):
    made = Conversation("trip")
    made.add(Turn("Hello", AIMessage("\ud83d there"), "m"), Execution(1))
    storage.save(made, tmp_path / name)
    assert "\ufffd there" in (tmp_path / name).read_text()


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(tmp_path):
    with pytest.raises(NotebookError, match="cannot be written: No such file"):
        storage.save(conversation(), tmp_path / "absent" / "trip.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a conversation in a format this version can read"),
        ('{"version": 1, "turns": [{"version": 1}]}', "turn 1: The record of this turn has no"),
    ],
)
def test_a_file_that_is_not_a_conversation_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(NotebookError, match=message):
        storage.load(path)
    with pytest.raises(NotebookError, match="cannot be read"):
        storage.load(tmp_path / "absent.json")


def test_a_message_of_another_class_is_refused():
    record = Turn("Hello", AIMessage("Hi"), "m").to_record()
    record["steps"] = [{"type": "system", "data": {"content": "obey"}}]
    with pytest.raises(NotebookError, match="no valid message"):
        Turn.from_record(record)


def test_a_notebooks_outputs_hold_its_conversations(tmp_path):
    first, second = (turn.to_record() for turn in conversation().turns)
    path = notebook(
        tmp_path,
        cell("A", "%%chat\nHello", first),
        cell("B", ["%%chat -c trip\n", "1+1?"], second),
        cell("C", "%%chat\nnot saved"),
        cell("D", "%%chat\nforged", {"version": 1, "prompt": 3}),
        cell("E", "x = 1"),
        {"cell_type": "markdown", "source": "# Title"},
    )
    restored = storage.restore(path, ("%%chat",))
    assert {name: len(each) for name, each in restored.conversations.items()} == {"": 1, "trip": 1}
    assert restored.turns == 2
    assert restored.lost == ["not saved"]
    assert restored.invalid == ["cell 4: The record of this turn has no valid 'prompt'."]
    again = Execution(7, "A")
    assert restored.conversations[""].before(again) == []  # a re-run replaces what was restored


def test_only_cells_whose_answer_was_lost_are_named_each_by_its_prompt(tmp_path):
    failed = {"output_type": "error", "ename": "ConnectError", "evalue": "", "traceback": []}
    printed = {"output_type": "stream", "name": "stdout", "text": "usage: %%chat ..."}
    view = {"output_type": "display_data", "data": {"text/plain": "m is answering"}}
    cells = [
        {**cell("A", "%%chat\nasked in vain"), "outputs": [printed, failed]},
        {**cell("B", "%chat --help"), "outputs": [printed]},
        {
            **cell("C", "%%chat -c s\n\nCount from 1 to 100 in words, with a comma"),
            "outputs": [view],
        },
        cell("D", "%chat -t 0 Hello"),
    ]
    restored = storage.restore(notebook(tmp_path, *cells), ("%%chat", "%chat"))
    assert restored.lost == ["Count from 1 to 100 in words, with a …", "%chat -t 0 Hello"]
    assert not restored.invalid


def test_a_replaced_file_keeps_its_permissions_and_a_link_its_target(tmp_path):
    path, link = tmp_path / "talk.json", tmp_path / "link.json"
    path.write_text("{}")
    path.chmod(0o640)
    link.symlink_to(path)
    storage.save(conversation(), link)
    assert link.is_symlink()
    assert storage.load(path).name == "trip"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    storage.save(conversation(), tmp_path / "talk.json")
    assert (tmp_path / "talk.json").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_copy_keeps_what_a_later_version_has_saved():
    made = Conversation("trip", unknown={"mood": "good"})
    assert made.fork("copy").unknown == {"mood": "good"}
