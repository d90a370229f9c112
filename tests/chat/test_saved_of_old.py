"""Files saved by any version stay readable.

Version 0.1 wrote the files in `saved` on 29 Nov 2026: a notebook that ran chat cells of all kinds,
the conversation that it saved, and the record of a turn with every field. They never change: a new
version adds its own files.
"""

import hashlib
import json
from pathlib import Path

import pytest

from xinference_magics.chat import storage
from xinference_magics.chat.turn import Turn
from xinference_magics.errors import NotebookError

SAVED = Path(__file__).with_name("saved")
RECORD = json.loads((SAVED / "turn.json").read_text())
REQUIRED = {"version", "prompt", "model_uid", "message"}


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("turn.json", "50c9455ca5087e94"),
        ("conversation.json", "43768b2bfc674c30"),
        ("notebook.ipynb", "d712e2810d2d7e4e"),
    ],
)
def test_nobody_changes_the_files(name, digest):
    assert hashlib.sha256((SAVED / name).read_bytes()).hexdigest()[:16] == digest


def test_a_record_keeps_every_field():
    turn = Turn.from_record(RECORD)
    assert turn.to_record() == RECORD
    assert (turn.prompt, turn.text, turn.reasoning) == ("What is it?", "A picture.", "I look.")
    assert [each.type for each in turn.messages] == ["human", "ai", "tool", "human", "ai"]
    assert turn.messages[0].content[1]["type"] == "image"
    assert (turn.parsed, turn.status, turn.cut) == ({"name": "Ada", "age": 36}, "stopped", True)
    assert (turn.tokens, turn.seconds, turn.conversation) == (12, 1.5, "trip")


@pytest.mark.parametrize("name", sorted(RECORD.keys() - REQUIRED))
def test_a_field_that_is_missing_has_its_default(name):
    turn = Turn.from_record({key: value for key, value in RECORD.items() if key != name})
    default = Turn("What is it?", turn.message, "tiny-sight")
    if name == "id":
        assert len(turn.id) == 32
    else:
        assert getattr(turn, name) == getattr(default, name)
    assert {**turn.to_record(), name: RECORD[name]} == RECORD


def test_a_minimal_record_is_read():
    turn = Turn.from_record({name: RECORD[name] for name in REQUIRED})
    assert (turn.text, turn.status, turn.steps) == ("A picture.", "done", [])


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_required_field_cannot_be_missing(name):
    with pytest.raises(NotebookError):
        Turn.from_record({key: value for key, value in RECORD.items() if key != name})


def test_what_a_later_version_adds_is_kept():
    later = {**RECORD, "rating": {"stars": 5}, "tags": ["a"]}
    turn = Turn.from_record(json.loads(json.dumps(later)))
    assert turn.to_record() == later
    assert turn.edited(prompt="Well?").to_record()["rating"] == {"stars": 5}
    assert turn.unknown.keys() == {"rating", "tags"}


def test_a_conversation_comes_back_and_is_saved_as_it_was(tmp_path):
    saved = json.loads((SAVED / "conversation.json").read_text())
    path = tmp_path / "later.json"
    path.write_text(json.dumps({**saved, "colour": "blue"}))
    talk = storage.load(path)
    assert [turn.text for turn in talk.turns] == [
        "The capital is **Paris**.",
        "It is 22 degrees.",
        '{"name": "Ada", "age": 36}',
        "Yes.",
        "Hello",
    ]
    assert json.loads(storage.to_json(talk)) == {**saved, "colour": "blue"}


def test_a_notebook_holds_its_conversations():
    restored = storage.restore(SAVED / "notebook.ipynb")
    assert restored.invalid == restored.lost == []
    texts = {name: [turn.prompt for turn in each.turns] for name, each in
             restored.conversations.items()}  # fmt: skip
    assert texts == {
        "": [
            "What is the capital of France?",
            "What is the weather in Paris?",
            "Who?",
            "Well?",
            "Say hello.",
        ],
        "trip": ["How old is it?"],
    }
    [capital, weather, person, _, hello] = restored.conversations[""].turns
    assert capital.reasoning == "France: Paris."
    assert weather.steps[1].content == "22 degrees in Paris"
    assert person.parsed == {"name": "Ada", "age": 36}
    assert hello.status == "failed"
