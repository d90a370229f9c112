"""The private local server is of no use to anybody else on the machine."""

import os
import pwd
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from xinference_magics.cluster import credentials, local

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
def ours(server_command, tmp_path_factory):
    """A private local server, with folders of its own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("loopback")
        patch.setenv("XINFERENCE_MAGICS_STATE", str(folder / "state"))
        patch.setenv("XINFERENCE_HOME", str(folder / "home"))
        patch.setenv("XINFERENCE_AUTH_ADVANCED", "0")
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield local.start(command=server_command)
        local.stop()


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
    answer = requests.request(method, ours.endpoint + path, json=body, timeout=30)
    assert answer.status_code in {401, 403}, answer.text


def test_its_files_are_its_owners_only(ours):
    state = Path(os.environ["XINFERENCE_MAGICS_STATE"])
    folder = ours.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("secrets.json", "server.json", "server.log", "keeper.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    for path in (state / "logins").iterdir():
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
