"""The real local server: its notebooks share it, nobody else gets in, and it ends with them."""

import json
import os
import pwd
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import AuthenticationError, PermissionDeniedError
from xinference_magics.local_server import credentials, state
from xinference_magics.local_server import server as local

NOTEBOOK = """
import sys
from xinference_magics.local_server import server as local
print(local.start(command={command!r}).pid, flush=True)
sys.stdin.read()
"""
STRANGER = """
import encodings.idna, os, socket, sys  # this Python may be out of the stranger's reach
os.setgroups([])
os.setgid({gid})
os.setuid({uid})
for path in sys.argv[2:]:
    try:
        open(path).read()
        print("READ", path)
    except OSError:
        pass
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
peer.sendall(b"GET /v1/models HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
print(peer.recv(4096).split(b"\\r\\n")[0].decode())
"""


@pytest.fixture(scope="module")
def notebooks(server_command, run_python, tmp_path_factory):
    """Two kernel-like processes that started the server together, with temporary folders."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("local")
        patch.setenv("XINFERENCE_MAGICS_STATE", str(folder / "state"))
        patch.setenv("XINFERENCE_HOME", str(folder / "home"))
        patch.setenv("XINFERENCE_AUTH_ADVANCED", "0")  # must not open the private server
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("XINFERENCE_MAGICS_GRACE", "2")
        made = [run_python(NOTEBOOK.format(command=server_command)) for _ in range(2)]
        try:
            pids = {int(notebook.stdout.readline()) for notebook in made}
            assert pids == {local.find().pid}
            yield made
        finally:
            local.stop()


@pytest.fixture(scope="module")
def ours(notebooks):
    """The server that the notebooks started."""
    return local.find()


def port_of(server):
    return int(server.endpoint.rpartition(":")[2])


def test_it_listens_on_loopback_only(ours):
    process = psutil.Process(ours.pid)
    family = [process, *process.children(recursive=True)]
    listening = [
        each.laddr.ip
        for member in family
        for each in member.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) <= {"127.0.0.1", "::1"}
    addresses = {
        each.address
        for found in psutil.net_if_addrs().values()
        for each in found
        if each.family == socket.AF_INET and not each.address.startswith("127.")
    }
    for address in addresses:
        with socket.socket() as probe:
            probe.settimeout(5)
            assert probe.connect_ex((address, port_of(ours))) != 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/v1/models"), ("POST", "/v1/models"), ("DELETE", "/v1/models/m")),
        *(
            ("POST", "/v1/chat/completions"),
            ("POST", "/v1/completions"),
            ("POST", "/v1/embeddings"),
        ),
        *(("GET", "/v1/model_registrations/LLM"), ("POST", "/v1/model_registrations/LLM")),
        *(("GET", "/v1/admin/users"), ("POST", "/v1/admin/keys"), ("DELETE", "/v1/clusters")),
        *(("GET", "/v1/models/instances"), ("GET", "/v1/cache/models"), ("GET", "/v1/workers")),
        *(("GET", "/v1/cluster/runtime-logs"), ("POST", "/v1/supervisor/relaunch")),
    ],
)
def test_nobody_gets_in_without_credentials(ours, method, path):
    body = {} if method == "POST" else None
    answer = requests.request(method, ours.endpoint + path, json=body, timeout=240)
    assert answer.status_code in {401, 403}, answer.text


def test_only_its_owner_can_read_its_files(ours):
    logins = Path(os.environ["XINFERENCE_MAGICS_STATE"]) / "logins"
    folder = ours.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("secrets.json", "server.json", "server.log", "keeper.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    for path in logins.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_can_neither_read_nor_use_it(ours):
    nobody = pwd.getpwnam("nobody")
    code = STRANGER.format(uid=nobody.pw_uid, gid=nobody.pw_gid)
    files = [str(path) for path in ours.folder.rglob("*") if path.is_file()]
    done = subprocess.run(
        [sys.executable, "-c", code, str(port_of(ours)), *files],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert done.stdout.strip() == "HTTP/1.1 401 Unauthorized"
    assert credentials.api_key(ours.folder) not in done.stdout


def test_it_serves_with_both_credentials_and_ends_with_its_notebooks(
    ours, notebooks, server_command, tiny_definitions, tiny_request
):
    """Runs last, since it ends the server and asks for it at that moment."""
    keeper = state.Running.load(ours.folder).keeper.process()

    with pytest.raises(AuthenticationError):
        Cluster(ours.endpoint).models()

    manager = Cluster(ours.endpoint, token=ours.token)
    assert manager.version().startswith("4.")
    manager.registry.register("LLM", json.dumps(tiny_definitions[0]))
    model = manager.launch(tiny_request("mine", "ggufv2", n_threads=1)).wait()

    user = Cluster(ours.endpoint, token=lambda: ours.api_key)
    assert [each.uid for each in user.models()] == ["mine"]
    for refused in (
        lambda: user.terminate("mine"),
        lambda: user.launch(tiny_request("b", "ggufv2")),
    ):
        with pytest.raises(PermissionDeniedError, match="This is an API key"):
            refused()
    answer = requests.post(
        f"{ours.endpoint}/v1/chat/completions",
        json={"model": model.uid, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3},
        headers={"Authorization": f"Bearer {ours.api_key}"},
        timeout=240,
    )
    assert answer.json()["usage"]["completion_tokens"] > 0

    process = psutil.Process(ours.pid)
    family = [process, *process.children(recursive=True), keeper]
    assert any("mine" in " ".join(each.cmdline()) for each in family)
    for notebook in notebooks:
        notebook.kill()
    while not (ending := state.Running.load(ours.folder).ending):
        assert process.is_running()
        time.sleep(0.02)
    assert ending == "unneeded"
    assert local.find() is None
    said = []
    new = local.start(command=server_command, on_line=said.append)
    assert not psutil.wait_procs([each for each in family if each is not process], 60)[1]
    assert (
        said[0] == f"Waiting for the server at {ours.endpoint} to stop, then starting a new one ..."
    )
    assert (new.endpoint, new.pid != ours.pid) == (ours.endpoint, True)
    assert user.models() == []  # its clients continue with the new one
    manager.close()
    user.close()
