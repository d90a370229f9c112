"""The models that the magics use: what they report, the limit of their answers, and their end."""

import pytest
import recorded
from scripted_server import ScriptedServer, Stream

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.models import RunningModel
from xinference_magics.errors import PromptError


def running(*abilities, **known):
    return RunningModel(uid="tiny", name="tiny", abilities=abilities, **known)


def test_parameters_ignored_for_a_text_are_reported_in_one_line(magics, capsys):
    with ScriptedServer(Stream(recorded.transformers_text(" a", " time"))) as server:
        magics.session.connector._cluster = Cluster(server.endpoint)
        magics.session.use(running("generate", engine="transformers"))
        capsys.readouterr()
        turn = magics.generate("-p seed=1 Once upon")
    assert turn.text == " a time"
    assert capsys.readouterr().out.endswith("Note: The transformers engine ignores seed.\n")


@pytest.mark.parametrize("ability", ["chat", "generate"])
def test_a_new_limit_leaves_half_of_the_context_to_the_prompt(magics, ability):
    magics.session.connector._cluster = Cluster("http://127.0.0.1:9")
    magics.session.use(running(ability, context_length=1000))
    llm = magics.session.namespace.variables["llm"]
    assert llm.max_tokens == 500
    magics.max_tokens = 4000
    assert llm.max_tokens == 500
    magics.max_tokens = 20
    assert llm.max_tokens == 20
    magics.max_tokens = None
    assert llm.max_tokens is None


@pytest.mark.parametrize("option", ["", " -e {endpoint}/"])
def test_a_terminated_model_is_no_longer_used(magics, option):
    with ScriptedServer() as answers:
        answers["/v1/models/tiny"] = [(200, None)]
        magics.session.connector._cluster = Cluster(answers.endpoint)
        answers["/v1/cluster/auth"] = [(200, {"auth": False})]
        magics.session.use(running("chat"))
        magics.xinference("terminate tiny" + option.format(endpoint=answers.endpoint))
        assert magics.session.model is None


def test_terminating_a_model_elsewhere_keeps_the_one_in_use(magics):
    with ScriptedServer() as answers:
        answers["/v1/models/tiny"] = [(200, None)]
        answers["/v1/cluster/auth"] = [(200, {"auth": False})]
        magics.session.connector._cluster = Cluster("http://127.0.0.1:9")
        magics.session.use(running("chat"))
        magics.xinference(f"terminate tiny -e {answers.endpoint}")
        assert magics.session.model.model_uid == "tiny"


@pytest.mark.parametrize(
    ("abilities", "hint"),
    [
        # The omni ability means both image and audio input.
        (["chat", "omni"], "Use -m other, which does."),
        (["chat", "vision"], "No running model does;"),
        (["embed", "audio"], "No running model does;"),
    ],
)
def test_a_rejected_sound_names_a_running_model_with_audio_input(magics, abilities, hint):
    with ScriptedServer() as answers:
        listed = [("tiny", ["chat"]), ("other", abilities)]
        models = [{"id": uid, "model_ability": able} for uid, able in listed]
        answers["/v1/models"] = [(200, {"data": models})]
        magics.session.connector._cluster = Cluster(answers.endpoint)
        magics.session.use(running("chat"))
        magics.shell.user_ns["sound"] = b"RIFF"
        with pytest.raises(PromptError, match=rf"tiny does not accept audio\. {hint}"):
            magics.chat("--audio sound What is heard?")
        assert answers.paths == ["/v1/models"]
