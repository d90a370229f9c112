"""`%conversation restore` brings back turns and the model in use, and says what is missing."""

import json

import pytest
from langchain_core.messages import AIMessage
from scripted_server import ScriptedServer

from xinference_magics.chat.turn import RECORD_MIME, Turn
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.models import RunningModel

TINY = {"model_type": "LLM", "model_name": "tiny", "model_format": "ggufv2", "replica": 1}


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ([], ""),
        (["Hello"], 'Not restored: no answer is saved for "Hello".\n'),
        (
            [*"ABCDEFG"],
            'Not restored: no answer is saved for "A", "B", "C", "D", "E" and 2 more.\n',
        ),
    ],
)
def test_lost_answers_are_named_in_one_line(shell, tmp_path, capsys, prompts, said):
    cells = [
        {"cell_type": "code", "source": f"%%chat\n{prompt}", "outputs": []} for prompt in prompts
    ]
    path = tmp_path / "talk.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    shell.run_line_magic("conversation", f"restore {path}")
    restored = "Restored 0 turns from talk.ipynb, as it was last saved.\n"
    assert capsys.readouterr().out == restored + said


def cell_of(turn):
    data = {RECORD_MIME: json.loads(json.dumps(turn.to_record()))}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return {"cell_type": "code", "source": f"%%chat\n{turn.prompt}", "outputs": [output]}


@pytest.fixture
def saved(tmp_path):
    """A notebook whose last turn is of the model `tiny`."""
    turns = [Turn("A", AIMessage("One"), "other"), Turn("B", AIMessage("*Two*"), "tiny")]
    path = tmp_path / "talk.ipynb"
    path.write_text(json.dumps({"cells": [cell_of(turn) for turn in turns]}))
    return path


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((200, {**TINY, "model_ability": ["chat"]}), "Ready: llm is a ChatXinference for tiny;"),
        ((200, {**TINY, "model_ability": ["generate"]}), "tiny can no longer chat."),
        ((404, {"detail": "Model not found"}), "Not restored: the model in use. "),
    ],
)
def test_the_model_that_answered_last_is_used_again(magics, saved, capsys, found, said):
    with ScriptedServer() as answers:
        answers["/v1/models/tiny"] = [found]
        answers["/v1/models"] = [(200, {"data": []})]
        magics.session.connector._cluster = Cluster(answers.endpoint)
        magics.conversation(f"restore {saved}")
        assert said in capsys.readouterr().out
        assert (magics.session.model is not None) == said.startswith("Ready")


def test_a_model_in_use_stays_in_use(magics, saved):
    magics.session.connector._cluster = Cluster("http://127.0.0.1:9")
    magics.session.use(RunningModel(uid="mine", name="mine", abilities=("chat",)))
    magics.conversation(f"restore {saved}")
    assert magics.session.model.model_uid == "mine"
    assert len(magics.session.conversations.current) == 2


def test_an_answer_is_printed_as_it_was_written(magics, saved, capsys):
    magics.session.connector._cluster = Cluster("http://127.0.0.1:9")
    magics.session.use(RunningModel(uid="mine", name="mine", abilities=("chat",)))
    magics.conversation(f"restore {saved}")
    for line, text in (("copy", "*Two*\n"), ("copy 1", "One\n")):
        capsys.readouterr()
        magics.conversation(line)
        assert capsys.readouterr().out == text
