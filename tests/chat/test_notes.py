"""What an engine ignores is reported: as a warning in code, as one line in a cell."""

import warnings

import pytest
import recorded
from langchain_core.messages import AIMessageChunk, HumanMessage
from scripted_server import ScriptedServer, Stream

from xinference_magics.chat import runner
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import IgnoredByEngineWarning
from xinference_magics.notes import collected_notes, note, show

SEED = "The transformers engine ignores seed."


class Unseen:
    def poll(self):
        return False

    def open(self, lives):
        pass

    def repaint(self, lives):
        pass


@pytest.fixture
def llm():
    with ScriptedServer(Stream(recorded.transformers("Hello!"))) as server:
        yield ChatXinference(server.endpoint, "tiny", engine="transformers", seed=1)


async def test_code_is_warned(llm):
    with pytest.warns(IgnoredByEngineWarning, match=SEED):
        list(llm.stream("x"))
    with pytest.warns(IgnoredByEngineWarning, match=SEED):
        await anext(llm.astream("x"))


def test_notes_from_the_streaming_thread_reach_the_cell(llm):
    with collected_notes() as notes:
        streams = [(lambda: llm.astream([HumanMessage("x")]), LiveTurn("tiny"))]
        [outcome] = runner.run(streams, Unseen())
    assert outcome.status == "done"
    assert notes == [SEED]
    with pytest.warns(IgnoredByEngineWarning):
        note("After the block, it is a warning again.")


def test_each_note_is_one_line(capsys):
    for _ in range(2):  # and again in the next cell
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            show([SEED, SEED, "Other."])
        assert capsys.readouterr() == (f"Note: {SEED}\nNote: Other.\n", "")


def test_a_user_may_silence_them(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IgnoredByEngineWarning)
        show([SEED])
    assert capsys.readouterr() == ("", "")


def test_a_stream_from_another_source_has_no_notes(capsys):
    async def stream():
        yield AIMessageChunk("Hello")

    with collected_notes() as notes:
        runner.run([(stream, LiveTurn("tiny"))], Unseen())
    show(notes)
    assert capsys.readouterr().out == ""
