"""Saved conversations and notebooks from anyone: read and shown, or rejected in one line."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from json_values import ANYTHING, DEEP, wrong
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from markup import audit

from xinference_magics.chat import storage
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.turn import RECORD_MIME, Turn
from xinference_magics.display.settled import bundle
from xinference_magics.errors import NotebookError, XinferenceError
from xinference_magics.wire.messages import to_wire

CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
TURN = Turn(
    prompt="What?",
    message=AIMessage(
        "Two.",
        additional_kwargs={"reasoning_content": "Hm."},
        response_metadata={"finish_reason": "stop"},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    ),
    model_uid="tiny",
    blocks=[
        {"type": "text", "text": "What?"},
        {"type": "image", "base64": "AAAA", "mime_type": "image/png", "extras": {"name": "a"}},
    ],
    steps=[
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("2", tool_call_id="c1", response_metadata={"seconds": 0.1}),
        HumanMessage("That does not fit."),
    ],
    parsed={"a": [1, {"b": None}]},
    parameters={"temperature": 0},
    first_token_seconds=0.1,
    seconds=1.0,
)
RECORD = json.loads(json.dumps(TURN.to_record()))


def saved(*records):
    return {"version": 1, "name": "n", "system": None, "turns": list(records)}


def notebook(record):
    output = {"output_type": "display_data", "data": {RECORD_MIME: record}}
    return {"cells": [{"cell_type": "code", "id": "a", "source": "%%chat", "outputs": [output]}]}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("saved") / "saved.json"


def shown(conversation):
    """Show a conversation in every way, and continue it."""
    assert repr(conversation)
    assert storage.to_markdown(conversation)
    storage.to_json(conversation).encode("utf-8", "surrogatepass")
    for turn in conversation.turns:
        assert repr(turn)
        made = bundle(turn)
        json.dumps(made, ensure_ascii=False).encode()
        audit(made["text/html"])
    try:
        to_wire(conversation.messages)
    except XinferenceError as error:
        assert "\n" not in str(error)


@given(wrong(RECORD))
def test_a_wrong_record_is_refused_or_can_be_shown(record):
    try:
        turn = Turn.from_record(record)
    except NotebookError as error:
        assert "\n" not in str(error)
        return
    conversation = Conversation("n")
    conversation.add(turn, Execution(1))
    shown(conversation)


@given(data=wrong(saved(RECORD, RECORD)) | ANYTHING)
@example(data=saved({**RECORD, "format": "html"}))
def test_a_wrong_file_is_refused_or_can_be_shown(path, data):
    path.write_text(json.dumps(data))
    try:
        shown(storage.load(path))
    except NotebookError as error:
        assert "\n" not in str(error)


@given(data=wrong(notebook(RECORD)) | ANYTHING)
@example(data={"cells": [{"cell_type": "code", "outputs": 5}]})
def test_a_wrong_notebook_is_restored_as_far_as_possible(path, data):
    path.write_text(json.dumps(data))
    try:
        restored = storage.restore(path)
    except NotebookError as error:
        assert "\n" not in str(error)
        return
    for conversation in restored.conversations.values():
        shown(conversation)
    assert all("\n" not in line for line in [*restored.invalid, *restored.lost])


@given(data=st.binary(max_size=60) | st.just(DEEP.encode()) | st.just(b"9" * 5000))
@example(data=b'{"version": 1, "turns": ' + DEEP.encode() + b"}")
def test_any_bytes_in_a_file(path, data):
    path.write_bytes(data)
    for read in (storage.load, storage.restore):
        try:
            read(path)
        except NotebookError as error:
            assert "\n" not in str(error)
