"""Several notebooks ask for a local server while its keeper ends it, at each step.

Keepers, servers and notebooks are separate processes; the server is a stand-in. The keeper is held
by `keeper_steps/sitecustomize.py`.
"""

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from xinference_magics.errors import LocalServerError
from xinference_magics.local_server import server as local
from xinference_magics.local_server import state
from xinference_magics.notebook.session.connector import Connector

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
NOTEBOOK = """
import sys
from xinference_magics.local_server import server as local
print("asking", flush=True)
try:
    server = local.start(command={command!r}, on_line=lambda line: print(line, flush=True))
    print("has", server.pid, server.alive, flush=True)
except Exception as error:
    print("failed", error, flush=True)
sys.stdin.read()
"""
STEPS = [
    "return _decides_to_end True",
    "call end",
    "call _await_end",
    "return _await_end None",
    "return end None",
    "return run None",
]
"""After the keeper's decision; before and after its signal to the server; after the server and
after its models have ended; and after everything except its own exit."""
WAITING = "to stop, then starting a new one ..."


@pytest.fixture
def going(monkeypatch, tmp_path, command, run_python):
    """Have a server ended by its keeper, which is held at a step: `going("call end")`."""
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    held = tmp_path / "held"

    def at(step, *, unneeded=True, **environment):
        notebook = run_python(
            NOTEBOOK.format(command=command),
            XINFERENCE_MAGICS_GRACE="0.5",
            PYTHONPATH=f"{HERE / 'keeper_steps'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            KEEPER_STEP=step,
            KEEPER_HELD=str(held),
            **environment,
        )
        assert until(notebook, "has")
        written = state.Running.load(state.find_folder())
        server = psutil.Process(written.server.pid)
        if unneeded:
            notebook.kill()
            await_file(held.with_suffix(".reached"))
        return SimpleNamespace(
            wait=lambda: await_file(held.with_suffix(".reached")),
            folder=state.find_folder(),
            endpoint=written.endpoint,
            keeper=psutil.Process(written.keeper.pid),
            server=server,
            go=held.with_suffix(".go").touch,
        )

    yield at
    held.with_suffix(".go").touch()
    local.stop()


def await_file(path):
    deadline = time.monotonic() + 240
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def until(notebook, word):
    """Return the first line of a notebook with `word`, split into words."""
    for line in notebook.stdout:
        assert not line.startswith("failed"), line
        if word in line:
            return line.split()
    return pytest.fail("it ended")


@pytest.fixture
def asked(command, run_python):
    """Have three notebooks ask for a server at once."""
    return lambda: [run_python(NOTEBOOK.format(command=command)) for _ in range(3)]


def has_ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def the_one_server(notebooks):
    """Assert that all notebooks have the same live server, and return it."""
    [(_, pid, alive)] = {tuple(until(each, "has")) for each in notebooks}
    assert alive == "True"
    found = local.find()
    assert found.pid == int(pid)
    assert len(list((found.folder / "leases").iterdir())) == len(notebooks)
    return found


@pytest.mark.parametrize("step", STEPS)
def test_all_wait_for_its_end_and_get_one_new_server(going, asked, step):
    old = going(step)
    assert local.find() is None
    notebooks = asked()
    for each in notebooks:
        until(each, WAITING)
    old.go()
    new = the_one_server(notebooks)
    assert new.pid != old.server.pid
    assert new.endpoint == old.endpoint
    assert has_ended(old.server)


@pytest.mark.parametrize("step", STEPS[1::2])
def test_its_shutdown_is_completed_if_its_keeper_dies(going, asked, step):
    old = going(step)
    notebooks = asked()
    for each in notebooks:
        until(each, WAITING)
    old.keeper.kill()
    assert the_one_server(notebooks).pid != old.server.pid
    assert has_ended(old.server)


def test_asking_before_the_decision_keeps_the_old_server(going, asked):
    """The keeper has seen that nobody needs it, and checks again under the lock."""
    old = going("return _reason unneeded")
    old.keeper.suspend()
    notebooks = asked()
    old.go()
    assert the_one_server(notebooks).pid == old.server.pid
    old.keeper.resume()
    assert the_keeper_looks(old.folder) == ""


def the_keeper_looks(folder):
    """Return the recorded reason for ending, once the keeper has had time to decide twice."""
    time.sleep(1)
    return state.Running.load(folder).ending


def test_a_keeper_that_dies_as_it_decides_is_replaced(going, asked):
    """It holds the lock and has recorded nothing yet, so the server keeps running."""
    old = going("call _note")
    notebooks = asked()
    for each in notebooks:
        until(each, "asking")
    old.keeper.kill()
    assert the_one_server(notebooks).pid == old.server.pid
    assert state.Running.load(old.folder).keeper.pid != old.keeper.pid


@pytest.mark.parametrize("closed", [{}, {"FAKE_CLOSE": "1"}], ids=["answering", "closed"])
def test_a_server_that_takes_its_time(going, asked, tmp_path, closed):
    old = going("call _await_end", FAKE_LINGER=str(tmp_path / "linger"), **closed)
    old.go()
    notebooks = asked()
    for each in notebooks:
        until(each, WAITING)
    assert old.server.is_running()
    (tmp_path / "linger").touch()
    assert the_one_server(notebooks).pid != old.server.pid


def test_stopping_and_asking_at_once(going, asked):
    old = going("return _decides_to_end True")
    notebooks = asked()
    for each in notebooks:
        until(each, WAITING)
    old.go()
    assert local.stop()
    assert the_one_server(notebooks).pid != old.server.pid


def test_a_keeper_that_hangs_is_named(going, command, monkeypatch):
    old = going("call end")
    monkeypatch.setattr("xinference_magics.local_server.starting.END", 1)
    with pytest.raises(LocalServerError, match="is still stopping after 1 s") as caught:
        local.start(command=command)
    assert f"pid {old.server.pid}, keeper {old.keeper.pid}" in caught.value.message
    assert not state.leased(old.folder)


def test_a_connected_notebook_gets_a_new_one(going, command, monkeypatch):
    """The server that it was connected to still answers while another notebook stops it."""
    old = going("call end", unneeded=False)
    monkeypatch.delenv("XINFERENCE_ENDPOINT", raising=False)
    settings = {"endpoint": "", "server_command": command}
    limits = {"connect_timeout": 5.0, "read_timeout": 5.0}
    said = []

    def say(line):
        said.append(line)
        if WAITING in line:
            old.go()

    connector = Connector(SimpleNamespace(**settings, **limits), say)
    connector.serve()
    stopping = threading.Thread(target=local.stop)
    stopping.start()
    old.wait()
    cluster = connector.get_or_serve()
    stopping.join()
    assert any(WAITING in line for line in said)
    assert local.find().endpoint == cluster.endpoint
    assert local.find().pid != old.server.pid
    connector.disconnect()
