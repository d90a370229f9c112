"""The local server, real: started, shared, used with both credentials, gone with its notebooks."""

import json

import psutil
import pytest
import requests

from xinference_magics.cluster import local, state
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.keeper import GRACE
from xinference_magics.errors import AuthenticationError, PermissionDeniedError

NOTEBOOK = """
import sys
from xinference_magics.cluster import local
print(local.start(command={command!r}).pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A home and a state of its own, for this process and for its notebooks."""
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XINFERENCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XINFERENCE_AUTH_ADVANCED", "0")  # must not open the private server
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield
    local.stop()


@pytest.mark.usefixtures("environment")
def test_the_life_of_a_local_server(server_command, run_python, tiny_definitions, tiny_request):
    notebooks = [run_python(NOTEBOOK.format(command=server_command)) for _ in range(2)]
    pids = {int(notebook.stdout.readline()) for notebook in notebooks}
    server = local.find()
    assert pids == {server.pid}
    keeper = state.Running.load(server.folder).keeper.process()

    with pytest.raises(AuthenticationError):
        Cluster(server.endpoint).models()

    manager = Cluster(server.endpoint, token=server.token)
    assert manager.version().startswith("4.")
    manager.registry.register("LLM", json.dumps(tiny_definitions[0]))
    model = manager.launch(tiny_request("mine", "ggufv2", n_threads=1)).wait()

    user = Cluster(server.endpoint, token=lambda: server.api_key)
    assert [each.uid for each in user.models()] == ["mine"]
    for refused in (
        lambda: user.terminate("mine"),
        lambda: user.launch(tiny_request("b", "ggufv2")),
    ):
        with pytest.raises(PermissionDeniedError, match="This is an API key"):
            refused()
    answer = requests.post(
        f"{server.endpoint}/v1/chat/completions",
        json={"model": model.uid, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3},
        headers={"Authorization": f"Bearer {server.api_key}"},
        timeout=60,
    )
    assert answer.json()["usage"]["completion_tokens"] > 0

    process = psutil.Process(server.pid)
    family = [process, *process.children(recursive=True), keeper]
    assert any("mine" in " ".join(each.cmdline()) for each in family)
    for notebook in notebooks:
        notebook.kill()
    _, left = psutil.wait_procs([each for each in family if each is not process], GRACE + 30)
    assert not left
    assert local.find() is None
    manager.close()
    user.close()
