"""Every error is one line with a remedy, the cell fails, and the next cell works."""

import re
import time
from pathlib import Path

import pytest
from faulty_proxy import Fault, FaultyProxy

import xinference_magics
from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.notebook.commands import COMMANDS

LAUNCH = "%xinference launch -n tiny-chat -f ggufv2 --n_threads 1 --disable-virtual-env"


def fails(kernel, code, *parts):
    """Run `code` and assert that it fails with one line that contains all `parts`."""
    failure = kernel.run(code).failure
    for part in parts:
        assert part in failure, failure
    assert kernel.run("1 + 1").status == "ok"


@pytest.fixture
def connected(kernel, tiny_chat):
    assert kernel.run("%xinference use tiny-gguf").status == "ok"
    return kernel


def test_no_server(kernel, closed_port):
    fails(
        kernel,
        f"%xinference connect http://127.0.0.1:{closed_port}",
        "ConnectError",
        f"127.0.0.1:{closed_port}",
        "%xinference",
    )


def test_no_server_and_none_configured(kernel, monkeypatch):
    kernel.run("import os; os.environ.pop('XINFERENCE_ENDPOINT')")
    fails(kernel, "%%chat\nhi", "ConnectError", "127.0.0.1:9997", "%xinference serve")


def test_a_server_that_is_not_xinference(kernel, web_server):
    fails(kernel, f"%xinference connect {web_server}", "ConnectError", "not an Xinference")


def test_an_endpoint_is_accepted_in_every_spelling(kernel, server):
    bare = server.endpoint.removeprefix("http://")
    for spelling in (bare, server.endpoint + "/", server.endpoint + "/v1"):
        reply = kernel.run(f"%xinference connect {spelling}")
        assert f"Connected to {server.endpoint} (" in reply.stdout


def test_unknown_uid(connected):
    fails(connected, "%%chat -m tiny-guf\nhi", "ModelNotFoundError", "tiny-guf", "tiny-gguf")
    fails(connected, "%xinference use nothing-like-it", "ModelNotFoundError", "Running: ")
    fails(connected, "%xinference describe tiny-guf", "tiny-gguf")
    fails(connected, "%xinference terminate tiny-guf", "tiny-gguf")


def test_unknown_model(connected):
    fails(connected, "%xinference launch -n tiny-cat", "ModelNotFoundError", "tiny-chat")
    fails(connected, "%xinference launch tiny-cat", "ModelNotFoundError", "tiny-chat")
    fails(connected, "%xinference launch -n tiny-chat -f gguf", "ggufv2")
    fails(connected, "%xinference launch -n tiny-chat -q q4_0", "f16")


def test_options(connected):
    fails(connected, "%xinference lunch -n x", "UsageError", "did you mean launch?")
    fails(connected, "%xinference launch --modelname x", "--model-name")
    fails(connected, "%xinference launch -n x --n_gpus 2", "did you mean --n-gpu?")
    fails(connected, "%xinference use 'tiny", "UsageError", "a quote is not closed")
    fails(connected, "%%chat --temprature 0\nhi", "did you mean --temperature?")
    fails(connected, "%%chat -p temprature=0\nhi", "temperature")
    fails(connected, "%%chat -t 7\nhi", "temperature")
    fails(connected, "%%chat -t warm\nhi", "UsageError", "warm")
    fails(connected, "%%chat\n\n", "there is no prompt")
    fails(connected, "%%chat -o 1x\nhi", "not a valid variable name")


def test_a_typed_secret_is_refused_and_not_repeated(connected):
    reply = connected.run("%xinference launch -n x --api-key sk-hidden")
    assert reply.status == "error"
    assert "XINFERENCE_API_KEY" in reply.stdout
    assert "sk-hidden" not in reply.stdout


def test_prompts(connected):
    fails(connected, "countries = 1\n%chat {{countrys}}", "PromptError", "countries", "--raw")
    fails(connected, "%%chat\n{{1/0}}", "PromptError", "ZeroDivisionError")
    reply = connected.run("%%chat -t 0 --raw -o kept\n{{1/0}}")
    assert reply.status == "ok"
    assert connected.value("kept.prompt") == "'{{1/0}}'"


def test_a_variable_of_the_users_is_never_overwritten(kernel, tiny_chat):
    kernel.run("llm = 'mine'")
    reply = kernel.run("%xinference use tiny-gguf")
    assert "llm is your own variable" in reply.stdout
    assert "--as NAME" in reply.stdout
    assert kernel.value("llm") == "'mine'"
    kernel.run("%xinference use tiny-gguf --as other")
    assert kernel.value("other.model_uid") == "'tiny-gguf'"


def test_several_running_models_are_named(kernel, tiny_chat):
    fails(kernel, "%%chat\nhi", "NotebookError", "tiny-gguf", "tiny-pt", "%xinference use")


def test_a_stream_that_is_cut_off_keeps_the_partial_answer(kernel, server, tiny_chat):
    with FaultyProxy(server.endpoint) as proxy:
        proxy.fault = Fault("close", after=8_000)
        kernel.run(f"%xinference connect {proxy.endpoint}")
        kernel.run("%xinference use tiny-gguf")
        reply = kernel.run("%%chat -t 0 -o kept\nCount from 1 to 300.")
    assert reply.status == "error"
    assert "StreamError" in reply.stdout
    assert "tiny-gguf was cut off" in reply.stdout
    assert "Traceback" not in reply.stdout
    assert "1 2 3 4 5" in reply.displays[0]["text/plain"]
    assert "failed" not in reply.displays[0]["text/plain"]  # the error has said it
    assert kernel.value("kept.status") == "'failed'"


def test_a_loading_model_and_a_terminated_one(kernel, cluster, tiny_registered, tiny_request):
    launch = cluster.launch(tiny_request("fleeting", "ggufv2", n_threads=1))
    fails(kernel, "%xinference use fleeting", "ModelNotReadyError", "still loading")
    launch.wait()
    kernel.run("%xinference use fleeting")
    assert kernel.run("%%chat -t 0\nHello!").status == "ok"
    cluster.terminate("fleeting")
    reply = kernel.run("%%chat -t 0\nHello!")
    assert reply.status == "error"
    assert "ModelNotFoundError" in reply.stdout
    assert "fleeting" in reply.stdout
    assert "Traceback" not in reply.stdout


def test_an_interrupted_launch_continues(kernel, cluster, tiny_registered):
    sent = kernel.send(f"{LAUNCH} -u detached")
    kernel.collect(sent, until=lambda reply: reply.displays)  # the view of a launch that has begun
    kernel.manager.interrupt_kernel()
    reply = kernel.collect(sent)
    assert reply.status == "error"
    assert "KeyboardInterrupt: detached is still loading: %xinference use detached" in reply.stdout
    assert "%xinference cancel detached" in reply.stdout
    assert "Traceback" not in reply.stdout
    Launch(cluster, "detached").wait()
    assert "Ready: llm" in kernel.run("%xinference use detached").stdout
    assert "Terminated" in kernel.run("%xinference terminate detached").stdout


def test_every_recommended_command_exists():
    package = Path(xinference_magics.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    named = set(re.findall(r"%xinference ([a-z][a-z-]*)", "\n".join(sources)))
    assert named - {"help"} <= set(COMMANDS)


def test_a_failed_connect_keeps_the_connection(connected, closed_port):
    fails(connected, f"%xinference connect http://127.0.0.1:{closed_port}", "ConnectError")
    fails(connected, f"%xinference list -e http://127.0.0.1:{closed_port}", "ConnectError")
    assert "In use: tiny-gguf" in connected.value("%xinference status")


def test_launch_starts_no_server_instead_of_a_named_one(kernel, server):
    kernel.run("import os; os.environ.pop('XINFERENCE_ENDPOINT')")
    with FaultyProxy(server.endpoint) as proxy:
        assert kernel.run(f"%xinference connect {proxy.endpoint}").status == "ok"
    fails(kernel, "%xinference launch -n tiny-chat", "ConnectError", proxy.endpoint)


def test_a_key_is_not_sent_if_none_is_required(kernel, tiny_chat):
    kernel.run("import os; os.environ['XINFERENCE_API_KEY'] = 'xf-private'")
    kernel.run("%xinference use tiny-gguf")
    assert kernel.value("llm.api_key.get_secret_value()") == "''"
    assert kernel.value("llm.invoke('Hello!').text")


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_an_interrupt_at_any_moment_of_a_launch_is_one_line(kernel, cluster, seconds):
    uid = f"early-{int(seconds * 100)}"
    sent = kernel.send(f"print('begun')\n{LAUNCH} -u {uid}")
    kernel.collect(sent, until=lambda reply: "begun" in reply.stdout)
    time.sleep(seconds)
    kernel.manager.interrupt_kernel()
    reply = kernel.collect(sent)
    assert reply.status == "error"
    assert "KeyboardInterrupt: " in reply.stdout
    assert "Traceback" not in reply.stdout
    if any(replica.loading for replica in cluster.replicas(uid)):
        assert f"%xinference cancel {uid}" in reply.stdout
        Launch(cluster, uid).wait()
        cluster.terminate(uid)
