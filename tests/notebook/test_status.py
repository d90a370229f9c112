"""What connecting and status request from a server, and what they return."""

import pytest
from test_completion import running_server


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    with running_server() as made:
        yield made


def test_connecting_sends_each_request_once(shell, server, capsys):
    shell.run_line_magic("xinference", f"connect {server.endpoint}")
    assert sorted(server.paths) == ["/v1/cluster/auth", "/v1/cluster/version", "/v1/models"]
    said = capsys.readouterr().out
    assert said.startswith(f"Connected to {server.endpoint} (Xinference 4.1.0).")
    assert "Running: talker (LLM), writer (LLM), vectors (embedding)." in said


def test_status_requests_again_what_may_have_changed(shell, server):
    shell.run_line_magic("xinference", f"connect {server.endpoint}")
    server.requests.clear()
    found = shell.run_line_magic("xinference", "status")
    assert sorted(server.paths) == ["/v1/cluster/version", "/v1/models"]
    assert (found.endpoint, found.version, found.private) == (server.endpoint, "4.1.0", False)
    assert [model.uid for model in found.models] == ["talker", "writer", "vectors"]
    assert (found.in_use, found.turns) == ((), 0)


def test_the_first_status_connects(shell, server, monkeypatch):
    monkeypatch.setenv("XINFERENCE_ENDPOINT", server.endpoint)
    shell.run_line_magic("xinference", "status")
    assert sorted(server.paths) == ["/v1/cluster/auth", "/v1/cluster/version", "/v1/models"]


def test_server_data_prints_no_control_characters(shell, server, capsys):
    server["/v1/cluster/version"] = [(200, {"version": "4\x1b[31m"})]
    shell.run_line_magic("xinference", f"connect {server.endpoint}")
    assert "\x1b" not in capsys.readouterr().out


def test_a_model_in_use_that_has_ended_is_named_as_such(shell, server, capsys):
    shell.run_line_magic("xinference", f"connect {server.endpoint}")
    server["/v1/models/talker"] = [(200, {"model_type": "LLM", "model_ability": ["chat"]})]
    shell.run_line_magic("xinference", "use talker")
    said = [repr(shell.run_line_magic("xinference", "status"))]
    server["/v1/models"] = [(200, {"data": []})]
    said.append(repr(shell.run_line_magic("xinference", "status")))
    assert [each.splitlines()[-1] for each in said] == [
        "In use: talker; 0 turns in the conversation.",
        "In use: talker (not running any more); 0 turns in the conversation.",
    ]
