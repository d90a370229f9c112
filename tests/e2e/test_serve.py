"""The private local server, used by two notebooks."""

import json
import os
import time
from pathlib import Path

import psutil
import pytest
from kernel_driver import Kernel, environment
from local_server import free_port

TINY = Path(__file__).parents[2] / "examples" / "tiny_chat"
REGISTER = f"""
import json, sys
sys.path.insert(0, {str(TINY)!r})
from registrations import registrations
cluster = get_ipython().find_line_magic("xinference").__self__.session.connector.get_or_connect()
for each in registrations():
    cluster.registry.register("LLM", json.dumps(each))
"""


@pytest.fixture(scope="module")
def user(server_command, tmp_path_factory):
    """The environment of a user for whom nothing is configured and nothing runs."""
    folder = tmp_path_factory.mktemp("user")
    made = environment(
        folder,
        PATH=f"{os.environ['PATH']}{os.pathsep}{Path(server_command).parent}",
        XINFERENCE_HOME=str(folder / "home"),
        XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT="300",
        XINFERENCE_MAGICS_GRACE="5",
        HF_HUB_OFFLINE="1",
    )
    made.pop("XINFERENCE_ENDPOINT", None)
    return made


@pytest.fixture(scope="module")
def notebook(user, unused_default):
    made = Kernel.loaded(user)
    made.run(unused_default)
    yield made
    made.close()


@pytest.fixture(scope="module")
def unused_default():
    """Code that sets the default endpoint to one where nothing answers, whatever runs here."""
    return (
        "from xinference_magics.transport import endpoint\n"
        f"endpoint.DEFAULT_ENDPOINT = 'http://127.0.0.1:{free_port()}'"
    )


def test_launch_starts_a_server_if_there_is_none(notebook):
    reply = notebook.run("%xinference launch -n tiny-chat", timeout=300)
    assert "starting a private one on this machine" in reply.stdout
    assert "ModelNotFoundError" in reply.stdout  # it is registered only below
    nothing = notebook.run("%%chat\nHello!")
    assert "NotebookError: No model that can chat is running at" in nothing.stdout
    assert notebook.run(REGISTER).status == "ok"
    reply = notebook.run(
        "uid = %xinference launch -n tiny-chat -f ggufv2 --n_threads 1 --disable-virtual-env",
        timeout=300,
    )
    assert reply.status == "ok", reply
    [shown] = reply.displays[:1]
    assert "Model uid: tiny-chat" in shown["text/plain"].splitlines()
    assert notebook.value("uid") == "'tiny-chat'"
    assert "Hello" in notebook.run("%%chat -t 0\nHello!").displays[0]["text/plain"]


def test_the_ready_made_object_can_only_infer(notebook):
    code = """
from xinference_magics.cluster.connection import Cluster
key = Cluster(llm.server_url, token=llm._token)
"""
    assert notebook.run(code).status == "ok"
    assert "Hello" in notebook.value("llm.invoke('Hello!', temperature=0).text")
    refused = notebook.run("key.terminate(uid)")
    assert refused.status == "error"
    assert "PermissionDeniedError" in refused.stdout


def test_wrong_credentials_are_one_line_with_a_remedy(notebook, user):
    address = json.loads(notebook.value("llm.server_url").replace("'", '"'))
    stranger = Kernel.loaded(
        {**user, "XINFERENCE_API_KEY": "xf-wrong", "XINFERENCE_MAGICS_STATE": "/nonexistent"}
    )
    reply = stranger.run(f"%xinference connect {address}")
    key = notebook.value("llm._token()")
    stranger.run(f"import os; os.environ['XINFERENCE_API_KEY'] = {key}")
    stranger.run(f"%xinference connect {address}")
    answer = stranger.run("%%chat -t 0\nHello!")
    stranger.close()
    assert "Hello" in answer.displays[0]["text/plain"]  # with the right key
    assert "AuthenticationError" in reply.failure
    assert f"%xinference login {address}" in reply.failure
    assert "xf-wrong" not in reply.stdout


def test_a_second_notebook_finds_it_and_it_ends_after_both(notebook, user, unused_default):
    second = Kernel.loaded(user)
    second.run(unused_default)
    reply = second.run("%xinference serve")
    assert "tiny-chat" in reply.stdout
    assert "Hello" in second.run("%%chat -t 0\nHello!").displays[0]["text/plain"]
    servers = [each for each in psutil.process_iter() if is_server_of(each, user)]
    assert servers
    notebook.close()
    second.close()
    deadline = time.monotonic() + 240
    while any(each.is_running() for each in servers):
        assert time.monotonic() < deadline, servers
        time.sleep(0.5)


def is_server_of(process, user):
    try:
        home = process.environ().get("XINFERENCE_HOME")
        return home == user["XINFERENCE_HOME"] and "xinference-local" in str(process.cmdline())
    except psutil.Error:
        return False
