"""Help and completion in a real kernel on a real server; `%generate`; the examples in the help."""

import time

import pytest
from kernel_driver import CONVERSATION
from test_errors import fails

from xinference_magics import __version__
from xinference_magics.notebook.commands import COMMANDS

pytestmark = pytest.mark.long

NAMES = {
    "qwen2.5-instruct -s 0_5 -f ggufv2 -q q4_k_m": (
        "tiny-chat -f ggufv2 -q f16 -u example-gguf --disable-virtual-env"
    ),
    "my-model -f pytorch -q none": (
        "tiny-chat -f pytorch -q none -u example-pt --disable-virtual-env"
    ),
    "bge-m3 -t embedding": "tiny-chat -f ggufv2",
    "my-text-model": "tiny-text",
    "my-model,another-model": "tiny-gguf,tiny-pt",
    "my-model": "tiny-gguf",
}
"""The names in examples, and their counterparts on the test server."""


def completed(kernel, code):
    """Request completions as JupyterLab does; return the matches."""
    message = kernel.client.complete(code, len(code))
    while (reply := kernel.client.get_shell_msg(timeout=240))["parent_header"]["msg_id"] != message:
        pass
    assert reply["content"]["status"] == "ok"
    return reply["content"]["matches"]


def offered(kernel, code, *expected):
    """Press Tab until all of `expected` is offered; return everything offered."""
    deadline = time.monotonic() + 240
    while not set(expected) <= set(found := completed(kernel, code)):
        assert time.monotonic() < deadline, (code, found)
        time.sleep(0.1)
    return found


def inspected(kernel, code):
    message = kernel.client.inspect(code, len(code))
    while (reply := kernel.client.get_shell_msg(timeout=240))["parent_header"]["msg_id"] != message:
        pass
    return reply["content"]["data"].get("text/plain", "")


def test_values_of_the_server_are_completed(kernel, tiny_chat):
    found = offered(kernel, "%xinference launch -n tiny", "tiny-chat", "tiny-text", "tiny-think")
    assert all(name.startswith("tiny") for name in found)
    offered(kernel, "x = %xinference launch -n qwen2.5-ins", "qwen2.5-instruct")
    assert offered(kernel, "%xinference launch -n tiny-chat -f ", "ggufv2") == ["ggufv2", "pytorch"]
    assert offered(kernel, "%xinference launch -n tiny-chat -f ggufv2 -q ", "f16") == ["f16"]
    assert "llama.cpp" in offered(
        kernel, "%xinference launch -n tiny-chat -f ggufv2 -en ", "llama.cpp"
    )
    assert set(offered(kernel, "%%chat -m tiny", "tiny-gguf")) == {"tiny-gguf", "tiny-pt"}
    offered(kernel, "%xinference terminate ti", "tiny-gguf", "tiny-pt")
    assert completed(kernel, "%%chat --te") == ["--temperature"]


def test_the_magic_alone_is_useful_with_and_without_a_server(kernel, closed_port, tiny_chat):
    shown = kernel.run("%xinference").stdout
    assert "Connected to" in shown
    assert "tiny-gguf (LLM)" in shown
    assert len(shown.splitlines()) < 25
    assert all(f" {name}," in shown or f" {name}\n" in shown for name in COMMANDS)
    assert all(f"  {name} " in kernel.run("%xinference help").stdout for name in COMMANDS)
    kernel.run(f"%config XinferenceMagics.endpoint = 'http://127.0.0.1:{closed_port}'")
    reply = kernel.run("%xinference")
    assert reply.status == "ok"
    assert "Not connected." in reply.stdout
    assert "  launch, " in reply.stdout
    fails(kernel, "%xinference status", "ConnectError", "%xinference serve")


def test_help_in_every_spelling(kernel):
    spellings = ("launch -h", "launch --help", "help launch", "launch?")
    shown = [kernel.run(f"%xinference {each}").stdout for each in spellings]
    assert len(set(shown)) == 1, shown
    assert "-q, NAME" not in shown[0]
    assert "--quantization, -q NAME" in shown[0]
    assert "-s is --system there" in " ".join(shown[0].split())
    said = " ".join(kernel.run("%chat -h").stdout.split())
    assert "-s is --size-in-billions there" in said
    assert "usage: %chat" in kernel.run("%chat -h").stdout
    assert "examples:" in inspected(kernel, "%chat")
    assert "examples:" in inspected(kernel, "%%generate")
    assert "Running models" in inspected(kernel, "%xinference")
    assert "examples:\n  uid = %xinference launch -n " in inspected(kernel, "%xinference")
    assert "undo" in inspected(kernel, "%conversation")


def test_the_options_before_a_command_are_known(kernel, server):
    shown = kernel.run("%xinference --version").stdout
    assert f"xinference_magics {__version__}\nConnected to {server.endpoint}" in shown
    assert "(Xinference 4.1.0)" in shown
    fails(kernel, "%xinference -H 0.0.0.0 -p 9997", "no option -H", "%xinference serve")


def test_status_is_a_value(kernel, tiny_chat):
    reply = kernel.run("found = %xinference status")
    assert not reply.outputs
    assert kernel.value("[model.uid for model in found.models]").count("tiny-") >= 2
    assert kernel.value("found").startswith("Connected to ")


def test_a_text_is_continued(kernel, tiny_text):
    reply = kernel.run("%%generate -t 0 --max_tokens 12 -o kept\n1, 2, 3, 4, ")
    assert reply.status == "ok", reply
    assert "Using tiny-text, the only running model that can continue texts." in reply.stdout
    text = kernel.value("kept.text")
    assert len(text) > 4
    assert kernel.value("0 < kept.usage['output_tokens'] <= 12, kept.status, kept.model_uid") == (
        "(True, 'done', 'tiny-text')"
    )
    assert kernel.value("kept.finish_reason") in {"'stop'", "'length'"}
    assert kernel.value(f"len({CONVERSATION})") == "0"
    kernel.run(
        "again = %xinference generate --model-uid tiny-text -t 0 --max-tokens 12 1, 2, 3, 4,"
    )
    assert kernel.value("again.model_uid") == "'tiny-text'"
    reply = kernel.run("%%xinference generate -t 0 --stream false --max-tokens 4\nOnce upon a time")
    assert reply.status == "ok", reply
    assert "tiny-text · " in reply.displays[0]["text/plain"]


def test_chatting_as_a_command(kernel, tiny_chat):
    reply = kernel.run("turn = %xinference chat --model-uid tiny-gguf -t 0 What's 2 + 2?")
    assert reply.status == "ok", reply
    assert kernel.value("turn.prompt") == '"What\'s 2 + 2?"'
    reply = kernel.run("%%xinference chat -m tiny-gguf -t 0\nHello!")
    assert reply.status == "ok", reply
    assert reply.displays
    fails(kernel, "%chat --api-key xf-hidden hi", "UsageError", "XINFERENCE_API_KEY")
    assert "xf-hidden" not in kernel.run("%chat --api-key xf-hidden hi").stdout


def test_each_magic_names_the_other_for_a_model_of_the_other_kind(kernel, tiny_text, tiny_chat):
    fails(kernel, "%chat -m tiny-text hi", "does not chat", "%%generate -m tiny-text")
    fails(kernel, "%generate -m tiny-gguf hi", "does not continue texts", "%%chat -m tiny-gguf")
    assert (
        kernel.run("%xinference use tiny-text --as story").stdout.count("%%generate uses it") == 1
    )


def test_the_examples_of_the_help_run(kernel, tiny_text, tiny_chat):
    kernel.run("country = 'France'")
    kernel.run("%xinference use tiny-gguf")
    for name in ("launch", "use", "status", "chat", "generate"):
        for example in COMMANDS[name].examples:
            code = example
            for written, meant in NAMES.items():
                if written in code:
                    code = code.replace(written, meant)
                    break
            reply = kernel.run(code, timeout=300)
            assert reply.status == "ok", (code, reply)
    for uid in ("example-gguf", "example-pt"):
        kernel.run(f"%xinference terminate {uid}")
