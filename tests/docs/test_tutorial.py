"""The cells of the tutorial run in order in a real kernel."""

import re
from pathlib import Path

import pytest
from kernel_driver import Kernel, environment

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
CELL = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LAPTOP, _, CLUSTER = PAGE.read_text(encoding="utf-8").partition("## Against a cluster")


@pytest.fixture
def run_cells(server, tiny_chat, tiny_registered, tmp_path):
    """Run the cells of a part, with the names in them replaced by those of the test server."""
    named = {
        "%xinference serve": f"%xinference connect {server.endpoint}",
        "http://gpu-server:9997": server.endpoint,
        "-n qwen2.5-instruct -s 0_5 -f ggufv2 -q q4_k_m": (
            "-n tiny-chat -f ggufv2 -q f16 --force --disable-virtual-env --n_threads 1"
        ),
        "use my-chat-model": f"use {tiny_chat.gguf}",
    }
    kernel = Kernel(environment(tmp_path))

    def run(part):
        replies = []
        for written in CELL.findall(part):
            code = written
            for name, meant in named.items():
                code = code.replace(name, meant)
            replies.append(kernel.run(code, timeout=240))
            assert replies[-1].status == "ok", (code, replies[-1])
        return replies

    yield run
    kernel.close()


def test_on_a_laptop(run_cells):
    *_, first, _, value, invoked, streamed, ended = run_cells(LAPTOP)
    assert "Eiffel Tower" in first.displays[-1]["text/plain"]
    assert "total_tokens" in value.displays[-1]["text/plain"]
    assert invoked.displays
    assert streamed.stdout
    assert "Terminated" in ended.stdout


def test_against_a_cluster(run_cells):
    connected, login, listed, used, asked = run_cells(CLUSTER)
    assert "Connected to" in connected.stdout
    assert "requires no login" in login.stdout
    assert "tiny-gguf" in listed.displays[-1]["text/plain"]
    assert "Ready: llm" in used.stdout
    assert asked.displays[-1]["text/plain"]
