"""What commands return to code; a cell does not repeat what a command has printed."""

import pytest
from test_completion import running_server

TALKER = {"model_type": "LLM", "model_name": "talker", "model_ability": ["chat"]}
LOADING = [{"model_uid": "coming", "replica_statuses": [{"status": "LOADING"}]}]
MINE = {"model_name": "my-qwen", "is_builtin": False}
CACHED = {
    "model_name": "my-qwen",
    "model_version": "my-qwen--7B",
    "path": "/cache/my-qwen",
    "actor_ip_address": "10.0.0.1:9978",
}


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    with running_server() as made:
        monkeypatch.setenv("XINFERENCE_ENDPOINT", made.endpoint)
        for path in ("/v1/models/talker", "/v1/models/writer"):
            made[path] = [(200, TALKER)]
            made[f"DELETE {path}"] = [(200, None)]
        made["/v1/models/coming/cancel"] = [(200, None)]
        made["/v1/models/instances"] = [(200, LOADING), (200, LOADING), (200, [])] * 2
        made["/v1/model_registrations/LLM"] = [(200, [MINE])]
        made["/v1/model_registrations/LLM/my-qwen"] = [(200, MINE)]
        made["/v1/cache/models"] = [(200, {"list": [CACHED]})]
        made["/v1/cache/models/files"] = [(200, {"paths": ["/cache/my-qwen"]})]
        yield made


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        ("connect", "Connection", "Connected to http://127.0.0.1:"),
        ("login", "Done", "requires no login"),
        ("use talker", "RunningModel", "Ready: llm is a ChatXinference for talker"),
        ("terminate talker", "Done", "Terminated talker."),
        ("cancel coming", "Cancellation", "The launch of coming was cancelled."),
        ("unregister -n my-qwen", "Done", "Unregistered my-qwen (LLM)."),
        ("service status", "Done", "xinference service status"),
        ("watch -n 1", "Snapshot", ""),
    ],
)
def test_an_action_is_reported_once_and_returns_a_value(shell, capsys, line, kind, said):
    shell.run_cell(f"%xinference {line}")
    once = capsys.readouterr().out
    assert once.count(said) == 1 or not said
    assert "Out[" not in once
    assert f"<{kind}>" not in once
    shell.run_cell(f"value = %xinference {line}\nvalue_kind = type(value).__name__")
    assert shell.user_ns["value_kind"] == kind
    capsys.readouterr()
    shell.run_cell("value")
    assert f"<{kind}>" not in capsys.readouterr().out


def test_a_value_names_its_subject(shell, server):
    done = shell.run_line_magic("xinference", "terminate talker")
    assert (done.subject, str(done)) == ("talker", "Terminated talker.")
    assert shell.run_line_magic("xinference", "use talker").abilities == ("chat",)
    assert shell.run_line_magic("xinference", "connect").endpoint == server.endpoint


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("use talk", "Current: talk, 0 turns."),
        ("fork copy", "Current: copy, 0 turns."),
        ("load {file}", "Current: default, 0 turns."),
    ],
)
def test_a_conversation_is_reported_once(shell, capsys, tmp_path, line, said):
    file = tmp_path / "talk.json"
    shell.run_cell(f"%conversation save {file}")
    capsys.readouterr()
    shell.run_cell(f"%conversation {line.format(file=file)}")
    once = capsys.readouterr().out
    assert said in once
    assert "Conversation(" not in once


EACH = """\
%xinference list
for number in range(2):
    %xinference list -h
%xinference terminate talker
%xinference use writer
value = %xinference list
%conversation list
"""


def test_each_command_of_a_cell_shows_its_result(shell, server, capsys):
    server["/v1/models"] = [(200, {"data": []})] * 9
    shell.run_cell("%xinference connect")
    capsys.readouterr()
    shell.run_cell(EACH)
    said = capsys.readouterr().out
    assert said.count("No models are running") == 1  # an assigned value is not shown
    assert said.count("Terminated talker.") == said.count("Ready: llm is") == 1
    assert "<Done>" not in said
    assert said.count("name     turns  last  system") == 1
    shell.ast_node_interactivity = "none"
    shell.run_cell("%xinference list\n1")
    shell.ast_node_interactivity = "all"
    shell.run_cell("%xinference list\n1")
    assert capsys.readouterr().out.count("No models are running") == 1
