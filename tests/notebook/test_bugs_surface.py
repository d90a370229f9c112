"""A bug of ours is reported in one line; an error in the user's own code keeps its frames."""

import sys
import traceback

import pytest
import recorded
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import ChatXinference
from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import ConnectError, PromptError
from xinference_magics.notebook.bugs import place_of_bug
from xinference_magics.notebook.client_log import kept_lines
from xinference_magics.wire import stream

MINE = """
from langchain_core.runnables import RunnableLambda
def helper(given):
    mine = "a value of mine"
    return given.upper() / 0
chain = RunnableLambda(lambda given: helper(given))
def ask():
    mine = "another"
    return llm.invoke("x")
"""
BUG = """
def broken(*_):
    return None.foo
def lost(*_):
    import json
    return json.loads(None)
"""


@pytest.fixture
def broken():
    """Functions that fail as if they were part of the package."""
    package = {"__name__": "xinference_magics.broken"}
    exec(BUG, package)  # noqa: S102  # this is what makes them a part of it
    return package


@pytest.fixture
def connected(shell, monkeypatch):
    shell.run_line_magic("config", "XinferenceMagics.endpoint = 'http://127.0.0.1:1'")
    monkeypatch.setattr(Cluster, "version", lambda _: "4.1.0")
    monkeypatch.setattr(Cluster, "requires_auth", lambda _: False)
    return shell


SAYS = {"broken": "AttributeError: 'NoneType'", "lost": "TypeError: the JSON"}


@pytest.mark.parametrize("name", SAYS)
def test_a_bug_in_a_command_is_one_line(connected, broken, monkeypatch, capsys, name):
    shell, says = connected, SAYS[name]
    monkeypatch.setattr(Cluster, "models", broken[name])
    error = shell.run_cell("%xinference list").error_in_exec
    assert not isinstance(error, ConnectError)
    [line] = capsys.readouterr().out.strip().splitlines()
    assert line.startswith(says)
    assert "This is a bug in xinference_magics (xinference_magics.broken, line" in line
    assert "%xinference logs --client" in line
    shell.run_line_magic("tb", "")
    shown = capsys.readouterr().out
    for each in (shown, "\n".join(kept_lines())):
        assert "Traceback (most recent call last)" in each
        assert f"in {name}" in each


def test_a_bug_while_an_answer_is_read_is_one_line_too(shell, broken, monkeypatch, capsys):
    monkeypatch.setattr(stream.StreamConverter, "feed", broken["broken"])
    with ScriptedServer(Stream(recorded.llama("Yes.")[:-1])) as server:
        shell.user_ns["llm"] = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
        error = shell.run_cell("%chat -m llm hello").error_in_exec
    assert isinstance(error, AttributeError)
    assert "This is a bug in xinference_magics" in capsys.readouterr().out


def frames_of_mine(error):
    """Return the user's functions in the traceback that %debug opens, with their `mine` values."""
    assert error is sys.last_value
    return {
        frame.f_code.co_name: frame.f_locals.get("mine")
        for frame, _ in traceback.walk_tb(sys.last_traceback)
        if frame.f_globals.get("__name__") == "__main__"
    }


def test_a_chain_of_the_user_keeps_its_frames(shell, capsys):
    shell.run_cell(MINE).raise_error()
    error = shell.run_cell("%chat -m chain hello").error_in_exec
    assert type(error) is TypeError
    assert place_of_bug(error) == ""
    assert frames_of_mine(error)["helper"] == "a value of mine"
    assert "helper(given)" in capsys.readouterr().out
    shell.run_line_magic("tb", "")
    assert "given.upper() / 0" in capsys.readouterr().out


@pytest.mark.parametrize("cell", ["%chat {{helper('x')}}", "%chat --image helper('x') x"])
def test_an_expression_of_the_user_is_one_line_and_keeps_its_frames(shell, capsys, cell):
    shell.run_cell(MINE).raise_error()
    error = shell.run_cell(cell).error_in_exec
    assert isinstance(error, PromptError)
    assert len(capsys.readouterr().out.strip().splitlines()) == 1
    assert frames_of_mine(error)["helper"] == "a value of mine"
    assert [*traceback.walk_tb(sys.last_traceback)][-1][0].f_code.co_name == "helper"
    shell.run_line_magic("tb", "")
    shown = capsys.readouterr().out
    assert "given.upper() / 0" in shown
    assert "TypeError: unsupported operand" in shown


def test_a_function_of_the_user_keeps_its_frame_if_a_request_fails(shell, capsys):
    with ScriptedServer(Reply(500, {"detail": "it failed"})) as server:
        shell.user_ns["llm"] = ChatXinference(server.endpoint, "tiny", api_key="sk-secret")
        shell.run_cell(MINE).raise_error()
        error = shell.run_cell("ask()").error_in_exec
    assert len(capsys.readouterr().out.strip().splitlines()) == 1
    assert frames_of_mine(error)["ask"] == "another"
    frames = [frame for frame, _ in traceback.walk_tb(sys.last_traceback)]
    ours = [each for each in frames if each.f_globals["__name__"].startswith("xinference_magics")]
    assert ours
    assert "sk-secret" not in repr([each.f_locals for each in ours])
    shell.run_line_magic("tb", "")
    shown = capsys.readouterr().out
    assert 'return llm.invoke("x")' in shown
    assert "sk-secret" not in shown
