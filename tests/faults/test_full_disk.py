"""A full disk: one line names the file, existing content stays, and nothing is lost."""

import getpass
import json
import resource
import signal
from contextlib import contextmanager

import psutil
import pytest
from token_server import TokenServer

from xinference_magics.auth.login import Login, Tokens, sign_in
from xinference_magics.chat.storage import load
from xinference_magics.errors import LocalServerError, NotebookError
from xinference_magics.files import read_private, write_private
from xinference_magics.local_server.state import find_folder


@contextmanager
def full_disk(left=16):
    """Let no file grow beyond `left` bytes: writing fails as on a disk without space."""
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, previous[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_private_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "secrets.json"
    write_private(path, {"a": 1})
    with full_disk(), pytest.raises(NotebookError, match="cannot be written") as caught:
        write_private(path, {"a": "x" * 1000})
    assert str(path) in caught.value.message
    assert "XINFERENCE_MAGICS_STATE" in caught.value.hint
    assert "xxx" not in str(caught.value)
    assert read_private(path) == {"a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.json"]


def test_a_folder_that_cannot_be_made_or_locked(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "file" / "state"))
    with pytest.raises(NotebookError, match="cannot be written: Not a directory"):
        Login("http://127.0.0.1:1").keep(Tokens(access="a"))


def test_a_login_is_not_lost_when_its_renewal_cannot_be_saved(tmp_path, monkeypatch):
    """A refresh token works once: it is not spent if the new one cannot be saved."""
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path))
    with TokenServer(life=4.0) as server:
        login = Login(server.endpoint)
        login.keep(Tokens.of_key("x"))
        short = sign_in(server.endpoint, "alice", "right")
        login.keep(Tokens(short.username, short.access, short.refresh, 0.0, short.life))
        with full_disk(), pytest.raises(NotebookError, match="cannot be written"):
            login()
        assert server.counts["refresh"] == 0
        assert login()
        assert server.counts["refresh"] == 1


def test_a_valid_token_is_used_when_it_cannot_be_renewed(tmp_path, monkeypatch):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path))
    with TokenServer(life=60.0) as server:
        login = Login(server.endpoint)
        tokens = sign_in(server.endpoint, "alice", "right")
        old = Tokens("alice", tokens.access, tokens.refresh, tokens.expires, 10_000.0)
        login.keep(old)
        assert not old.fresh
        assert old.good
        with full_disk():
            assert login() == old.access


def test_a_login_in_a_cell(bench, monkeypatch):
    """The one line of the cell contains no secret."""
    with TokenServer() as server:
        bench.server.answers |= {
            "GET /v1/cluster/auth": {"auth": True},
            "GET /v1/admin/setup/status": {"needs_setup": False},
            "POST /token": server.new(),
        }
    monkeypatch.setattr(getpass, "getpass", lambda *_: "right")
    with full_disk():
        ran = bench.fails(
            f"%xinference login {bench.proxy.endpoint} --username alice",
            NotebookError,
            "cannot be written",
        )
    assert "right" not in ran.shown
    bench.server.answers["GET /v1/cluster/auth"] = {"auth": False}


def test_a_conversation_is_saved_whole_or_not_at_all(bench, tmp_path):
    path = tmp_path / "kept.json"
    bench.succeeds("%%chat --new\nCount.")
    bench.succeeds(f"%conversation save {path}")
    before = path.read_bytes()
    bench.succeeds("%%chat\nCount.")
    with full_disk(64):
        bench.fails(f"%conversation save {path}", NotebookError, str(path), "was not changed")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert len(load(path)) == 1
    assert len(bench.turns) == 2
    bench.succeeds(f"%conversation save {path}")
    assert len(json.loads(path.read_text())["turns"]) == 2


def test_a_server_that_cannot_be_recorded_is_not_left_running(bench, tmp_path):
    command = tmp_path / "xinference-local"
    command.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    command.chmod(0o755)
    bench.succeeds(f"%config XinferenceMagics.server_command = {str(command)!r}")
    with full_disk():
        bench.fails("%xinference serve", NotebookError, "cannot be written")
    note = find_folder() / "server.json"
    note.mkdir(parents=True)
    bench.fails("%xinference serve", LocalServerError, "server.json cannot be written")
    note.rmdir()
    pid = tmp_path / "pid"
    assert not (pid.exists() and runs(int(pid.read_text())))


def runs(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
