"""The local server's life cycle: found, shared, leased, stopped, and never confused with others.

A stand-in replaces `xinference-local`, since these tests are about processes and files;
`test_local_real.py` covers the same ground with the real one.
"""

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest
from loaded_shell import loaded_shell

from xinference_magics import ChatXinference
from xinference_magics.auth.identity import Identity
from xinference_magics.errors import LocalServerError
from xinference_magics.files import read_private, write_private
from xinference_magics.local_server import credentials, state
from xinference_magics.local_server import server as local
from xinference_magics.local_server.keeper import Keeper
from xinference_magics.local_server.starting import ended, keep
from xinference_magics.notebook.session.connector import Connector
from xinference_magics.process import ProcessIdentity

GRACE = 1  # seconds
NOTEBOOK = """
import sys
from xinference_magics.local_server import server as local
server = local.start(command={command!r}{options})
print(server.pid, flush=True)
sys.stdin.read()
"""

FAILING = """
from xinference_magics.local_server import server as local
try:
    local.start(command={command!r})
except Exception as error:
    print(error, flush=True)
"""


def written(pid, **more):
    """Return the content of a file about a server and a keeper that had `pid`."""
    process = {"pid": pid, "birth": 0.5}
    known = {"endpoint": "http://127.0.0.1:1", "server": process, "keeper": process}
    return json.dumps(known | more)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of this test's server, which is stopped at the end."""
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XINFERENCE_MAGICS_GRACE", str(GRACE))
    folder = state.open_folder()
    yield folder
    local.stop()


@pytest.fixture
def notebook(run_python, command, folder):
    """Start a kernel-like process that starts or finds the server; `.server` is the server PID."""

    def open_notebook(options=""):
        process = run_python(NOTEBOOK.format(command=command, options=options))
        process.server = int(process.stdout.readline())
        return process

    return open_notebook


def family(server):
    process = psutil.Process(server.pid)
    return [process, *process.children(recursive=True)]


def gone(processes, within=60.0):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(each.is_running() and each.status() != "zombie" for each in processes):
            return True
        time.sleep(0.1)
    return False


def keeper_of(folder):
    return state.Running.load(folder).keeper.process()


def test_start_find_stop(folder, command, monkeypatch):
    monkeypatch.setenv("FAKE_ORPHAN", "1")
    assert local.find() is None
    said = []
    server = local.start(command=command, on_line=said.append)
    assert said == [f"Starting Xinference at {server.endpoint} (its log is {server.log}) ..."]
    assert server.alive
    assert not server.kept
    found = local.find()
    assert (found.endpoint, found.pid) == (server.endpoint, server.pid)
    assert local.start(command=command).pid == server.pid

    processes = [*family(server), keeper_of(folder)]
    assert len(processes) >= 3
    server.stop()
    assert gone(processes)
    assert local.find() is None
    assert local.stop() is False


def test_secrets_are_in_private_files_and_nowhere_else(folder, command):
    server = local.start(command=command)
    secrets = [*read_private(folder / "secrets.json").values(), server.token()]
    assert server.api_key in secrets
    assert len(secrets) == 5
    shown = [repr(server), repr(vars(server)), (folder / "server.json").read_text()]
    shown += [" ".join(each.cmdline()) for each in [*family(server), keeper_of(folder)]]
    assert not [secret for secret in secrets for text in shown if secret in text]
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("secrets.json", "server.json", "server.log"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_accounts_outlast_the_server(folder, command):
    first = local.start(command=command)
    key = first.api_key
    first.stop()
    second = local.start(command=command)
    assert second.api_key == key
    assert second.token()


def test_lost_secrets_are_recreated(folder, command):
    local.start(command=command).stop()
    (folder / "secrets.json").unlink()
    assert local.start(command=command).token()


def test_accounts_of_somebody_else_are_reported(folder, command):
    local.start(command=command).stop()
    (folder / "auth.db").write_text('["admin", "other"]')
    known = read_private(folder / "secrets.json")
    write_private(folder / "secrets.json", {**known, "api_key": ""})
    with pytest.raises(LocalServerError, match="rejects the account"):
        local.start(command=command)


def test_two_notebooks_at_once_start_one_server(folder, command, run_python):
    processes = [run_python(NOTEBOOK.format(command=command, options="")) for _ in range(3)]
    assert len({process.stdout.readline() for process in processes}) == 1
    assert len(list((folder / "leases").iterdir())) == 3


def test_the_server_ends_after_the_last_notebook_was_killed(folder, notebook):
    first, second = notebook(), notebook()
    server = local.find()
    processes = [*family(server), keeper_of(folder)]
    os.killpg(first.pid, signal.SIGINT)
    first.kill()
    assert first.communicate(timeout=60) == ("", None)  # nobody else holds its output
    time.sleep(2 * GRACE)
    assert server.alive
    second.kill()
    assert gone(processes, 30)
    assert state.Running.load(folder).ending == "unneeded"
    assert local.find() is None


def test_a_kept_server_stays(folder, notebook):
    process = notebook(", keep=True")
    process.kill()
    time.sleep(2 * GRACE)
    assert local.find().kept
    assert local.stop()
    assert not (folder / "keep").exists()


def test_a_lost_keeper_is_replaced(folder, command):
    server = local.start(command=command)
    lost = keeper_of(folder)
    lost.kill()
    assert gone([lost])
    assert local.find().pid == server.pid
    assert local.start(command=command).pid == server.pid
    assert keeper_of(folder).pid != lost.pid
    processes = [*family(server), keeper_of(folder)]
    server.stop()
    assert gone(processes)


def test_a_server_without_a_keeper_can_still_be_stopped(folder, command):
    server = local.start(command=command)
    keeper_of(folder).kill()
    processes = family(server)
    server.stop()
    assert gone(processes)


def test_a_dead_server_is_not_found_and_its_port_gets_no_password(folder, command):
    server = local.start(command=command)
    assert Identity(server.endpoint).token() == server.api_key
    port = int(server.endpoint.rpartition(":")[2])
    process, model = family(server)
    process.kill()
    assert gone([process, model])  # the keeper cleans up
    with socket.create_server(("127.0.0.1", port)) as stranger:
        stranger.settimeout(0.5)
        assert local.find() is None
        with pytest.raises(LocalServerError, match="is gone"):
            server.token()
        assert Identity(server.endpoint).token() is None
        with pytest.raises(TimeoutError):
            stranger.accept()
        assert local.start(command=command).endpoint != server.endpoint


def test_every_command_says_that_the_server_in_use_is_gone(folder, command, monkeypatch):
    monkeypatch.delenv("XINFERENCE_ENDPOINT", raising=False)
    with loaded_shell() as shell:
        magics = shell.magics_manager.registry["XinferenceMagics"]
        magics.server_command = command
        cluster = magics.session.connector.serve()
        shell.user_ns["mine"] = ChatXinference(cluster.endpoint, "tiny", engine="llama.cpp")
        process = psutil.Process(local.find().pid)
        process.kill()
        assert gone([process])
        for line in ("%xinference list", "%chat -m mine Hello", "%xinference describe tiny"):
            error = shell.run_cell(line).error_in_exec
            assert isinstance(error, LocalServerError), (line, error)
            assert str(error) == (
                f"The local server at {cluster.endpoint} is gone. %xinference serve starts it "
                "again, and %xinference launch -n NAME its models."
            )


def test_another_server_is_started_if_the_one_in_use_has_died(folder, command, monkeypatch):
    monkeypatch.delenv("XINFERENCE_ENDPOINT", raising=False)
    settings = {"endpoint": "", "server_command": command}
    limits = {"connect_timeout": 5.0, "read_timeout": 5.0}
    connector = Connector(SimpleNamespace(**settings, **limits), lambda _: None)
    connector.serve()
    first = local.find()
    assert connector.get_or_serve() is connector.get_or_connect()
    process = psutil.Process(first.pid)
    process.kill()
    assert gone([process])
    assert connector.get_or_serve().version() == "4.1.0"
    assert local.find().pid != first.pid
    connector.disconnect()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"endpoint": 1}',
        written(pid=1),
        written(pid=999_999_999),
        written(pid=1, ending="unneeded"),
        written(pid="1"),
        written(pid=1, server={"pid": -1, "birth": 1}),
        written(pid=float("inf")),
        written(pid=10**400),
        written(pid=1, endpoint="http://h"),
    ],
    ids=[
        "empty",
        "list",
        "incomplete",
        "reused",
        "dead",
        "reused in its end",
        "text",
        "negative",
        "infinite",
        "huge",
        "no port",
    ],
)
def test_stale_files_do_no_harm(folder, command, content):
    (folder / "server.json").write_text(content)
    (folder / "leases").mkdir()
    (folder / "leases" / "1").write_text('{"pid": 1, "birth": 0.5}')
    (folder / "leases" / "2").write_text('{"pid": 1e400, "birth": 0.5}')
    assert local.find() is None
    assert local.stop() is False
    assert local.start(command=command).alive
    assert [each.name for each in (folder / "leases").iterdir()] == [str(os.getpid())]


def test_an_old_keeper_leaves_a_new_servers_file_alone(folder, command):
    server = local.start(command=command)
    dead = ProcessIdentity(999_999_999, 1.0)
    Keeper(folder, state.Running("http://127.0.0.1:1", dead, dead)).run()
    assert local.find().pid == server.pid


def test_without_a_server_package_the_remedy_is_named(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/no/where/python")
    with pytest.raises(LocalServerError, match="No Xinference server is installed") as caught:
        local.start()
    assert 'pip install "xinference-magics[local]"' in caught.value.hint
    assert "server_url=..." in caught.value.hint
    with pytest.raises(LocalServerError, match="/no/such/command cannot be run"):
        local.start(command="/no/such/command")


def test_a_port_that_is_taken(folder, command, closed_port):
    with (
        socket.create_server(("127.0.0.1", closed_port)),
        pytest.raises(LocalServerError, match=f"Port {closed_port} is not available: .* in use"),
    ):
        local.start(command=command, port=closed_port)
    assert local.start(command=command, port=closed_port).endpoint.endswith(f":{closed_port}")
    with pytest.raises(LocalServerError, match="is already running at"):
        local.start(command=command, port=1)


ENDED, BUSY = "ended while it was starting", "this machine is too busy"
LOG = """Traceback (most recent call last):
  File "/server.py", line 1, in <module>
ImportError: no module named torch
INFO:     Shutting down
INFO:     Waiting for application shutdown.
INFO:     Application shutdown complete."""


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        ("ImportError: no module named torch", f"{ENDED}: ImportError: no module named torch"),
        (LOG, f"{ENDED}: ImportError: no module named torch"),
        ("cannot go on", f"{ENDED}: cannot go on"),
        (
            "RuntimeError: Local cluster failed to start: ",
            f"{ENDED}: RuntimeError: Local cluster failed to start within 120 s: {BUSY}",
        ),
        ("", "exited with code 1 while starting, and printed nothing"),
    ],
    ids=["exception", "among other lines", "words", "too slow", "nothing"],
)
def test_a_server_that_ends_at_once_names_the_cause(folder, command, monkeypatch, end, cause):
    monkeypatch.setenv("FAKE_END", end)
    with pytest.raises(LocalServerError) as caught:
        local.start(command=command)
    assert caught.value.message == f"The local server {cause}."
    assert str(folder / "server.log") in caught.value.hint
    assert not state.leased(folder)
    monkeypatch.delenv("FAKE_END")
    assert local.start(command=command).alive


def test_a_server_that_is_killed_while_it_starts(folder, command, monkeypatch):
    monkeypatch.setenv("FAKE_DELAY", "60")
    killing = threading.Timer(0, lambda: psutil.Process(starting(folder).server.pid).kill())
    killing.start()
    with pytest.raises(LocalServerError, match=r"it was killed .*, often because memory"):
        local.start(command=command)


def test_a_command_that_cannot_be_run(folder, tmp_path):
    broken = tmp_path / "xinference-local"
    broken.write_bytes(b"\x7fELF no program")
    broken.chmod(0o755)
    with pytest.raises(LocalServerError, match=r"could not be started: OSError: .*Exec format"):
        local.start(command=str(broken))


def test_an_earlier_failure_is_not_named_as_the_cause_of_this_one(folder):
    (folder / "keeper.log").write_text("PermissionError: of last week\n")
    (folder / "server.json").mkdir()
    credentials.ensure_secrets(folder)
    with pytest.raises(LocalServerError, match=r"started: .*server\.json cannot be written"):
        keep(folder, "1", shutil.which("true"))
    assert "of last week" in (folder / "keeper.log").read_text()


def test_running_a_keeper_leaves_no_file_open(folder):
    before = psutil.Process().num_fds()
    keep(folder)
    assert psutil.Process().num_fds() == before


def test_an_empty_grace_is_the_default_and_a_bad_one_starts_nothing(folder, command, monkeypatch):
    monkeypatch.setenv("XINFERENCE_MAGICS_GRACE", "soon")
    with pytest.raises(LocalServerError, match=r"could not be started: ValueError: .* 'soon'"):
        local.start(command=command)
    assert state.Running.load(folder) is None
    monkeypatch.setenv("XINFERENCE_MAGICS_GRACE", "")
    assert local.start(command=command).alive
    assert keeper_of(folder).is_running()


@pytest.mark.parametrize(
    ("why", "how"),
    [
        ("exit 0", "exited with code 0"),
        ("signal 11", "was ended by signal 11"),
        ("ended", "ended"),
        ("", "ended"),
    ],
)
def test_a_server_that_printed_nothing(tmp_path, why, how):
    said = f"The local server {how} while starting, and printed nothing."
    assert ended(tmp_path, why).message == said


def test_waiting_too_long_for_the_lock_names_it(folder, monkeypatch):
    monkeypatch.setattr(state, "_LOCK_SECONDS", 0.0)
    path = folder / "lock"
    with (
        state.lock(folder),
        pytest.raises(LocalServerError) as caught,
        state.lock(folder),
    ):
        pass
    assert caught.value.message == f"Another process has held the lock {path} for 0 s."
    assert f"fuser {path}, and try again when it has finished." in caught.value.hint


def starting(folder):
    """Wait until a server's state has been written to its file, and return it."""
    while not (written := state.Running.load(folder)):
        time.sleep(0.01)
    return written


def interrupt(_):
    signal.raise_signal(signal.SIGINT)


def test_an_interrupted_start_continues(folder, command, monkeypatch):
    monkeypatch.setenv("FAKE_DELAY", "2")
    with pytest.raises(KeyboardInterrupt):
        local.start(command=command, on_line=interrupt)
    begun = state.Running.load(folder)
    assert local.find() is None
    assert local.start(command=command).pid == begun.server.pid


def test_a_start_that_was_interrupted_can_be_stopped(folder, command, monkeypatch):
    monkeypatch.setenv("FAKE_DELAY", "60")
    with pytest.raises(KeyboardInterrupt):
        local.start(command=command, on_line=interrupt)
    processes = [state.Running.load(folder).server.process()]
    assert local.stop()
    assert gone(processes)


def test_a_start_that_is_stopped_says_so(folder, command, monkeypatch):
    monkeypatch.setenv("FAKE_DELAY", "60")
    threading.Timer(0, lambda: starting(folder) and local.stop()).start()
    with pytest.raises(LocalServerError, match="was stopped while it was starting"):
        local.start(command=command)


def test_a_server_that_dies_before_it_answers_is_replaced(folder, command):
    """It had been ready: losing a server that another process started is not a failed start."""
    old = psutil.Process(local.start(command=command).pid)
    old.suspend()
    threading.Timer(1, old.kill).start()
    assert local.start(command=command).pid != old.pid


def test_all_that_wait_for_a_failed_start_get_its_error(folder, command, run_python, monkeypatch):
    monkeypatch.setenv("FAKE_END", "ImportError: no module named torch")
    asked = FAILING.format(command=command)
    said = [each.stdout.readline() for each in [run_python(asked) for _ in range(3)]]
    assert all("while it was starting: ImportError: no module" in line for line in said), said


def test_the_next_server_has_the_address_that_notebooks_know(folder, command):
    first = local.start(command=command)
    first.stop()
    assert local.start(command=command).endpoint == first.endpoint


def test_a_keeper_that_slept_checks_before_it_ends_anything(folder, command):
    server = local.start(command=command)
    keeper = keeper_of(folder)
    keeper.suspend()
    time.sleep(2 * GRACE)
    keeper.resume()
    time.sleep(GRACE)
    assert server.alive


def test_a_token_is_renewed_in_time_and_by_one_caller(folder, command):
    server = local.start(command=command)
    logins = folder / "logins"
    first = server.token()
    assert server.token() == first
    before = logins.stat().st_size
    login = credentials.login(folder, server.endpoint)
    login.keep(replace(login.kept, expires=0.0))
    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: server.token(), range(32)))
    assert len(tokens) == 1
    assert first not in tokens
    assert logins.stat().st_size == before + 1


def test_a_lease_can_be_released(folder, command):
    server = local.start(command=command)
    assert state.leased(folder)
    server.release()
    assert not state.leased(folder)
    server.lease()
    assert state.leased(folder)
    server.stop()
    with pytest.raises(LocalServerError, match="is gone"):
        server.lease()
