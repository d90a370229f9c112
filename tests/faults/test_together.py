"""Concurrency: threads of two cells, two notebooks, and a kernel that restarts while it serves."""

import os
import sys
from pathlib import Path

import pytest
from faulty_server import TEXT
from kernel_driver import Kernel, environment

from xinference_magics.local_server import server as local
from xinference_magics.local_server import state

FAKE = Path(__file__).parents[1] / "cluster" / "fake_xinference.py"
THREADS = """
import threading
magic, said = get_ipython().run_line_magic, []
def ask(number, said=said):
    for _ in range(5):
        said.append((number, magic("chat", "Count.").text, llm.invoke("Count.").text))
begun = [threading.Thread(target=ask, args=(each,)) for each in range({first}, {first} + 4)]
for each in begun: each.start()
"""


def test_threads_of_two_cells_chat_while_a_third_cell_does(bench):
    bench.succeeds("%conversation clear")
    bench.succeeds("said = []\nbegun = []")
    bench.succeeds(THREADS.format(first=0) + "first = begun, said")
    bench.succeeds(THREADS.format(first=4) + "second = begun, said")
    bench.succeeds("%%chat\nCount.")
    bench.succeeds("for each in first[0] + second[0]: each.join()")
    for _, said in (bench.shell.user_ns["first"], bench.shell.user_ns["second"]):
        assert len(said) == 20
        assert {texts for _, *texts in map(tuple, said) for texts in texts} == {TEXT}
    assert len(bench.turns) == 41
    bench.succeeds("%conversation clear")
    bench.proxy.drop_all()  # `llm` keeps a connection for each thread


def test_two_notebooks_at_once(bench, tmp_path):
    user = environment(tmp_path, XINFERENCE_ENDPOINT=bench.proxy.endpoint)
    notebooks = [Kernel(user), Kernel(user)]
    try:
        loop = "%load_ext xinference_magics\nfor _ in range(20):\n    t = %chat Count."
        sent = [each.send(loop) for each in notebooks]
        for notebook, number in zip(notebooks, sent, strict=True):
            reply = notebook.collect(number)
            assert reply.status == "ok", reply
            assert notebook.value("t.text") == repr(TEXT)
    finally:
        for each in notebooks:
            each.close()


@pytest.fixture
def serving(tmp_path, monkeypatch):
    """A kernel whose server is a stand-in that takes a second to start."""
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FAKE_DELAY", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    command = tmp_path / "xinference-local"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} "$@"\n')
    command.chmod(0o755)
    kernel = Kernel(dict(os.environ))
    kernel.command = (
        f"%load_ext xinference_magics\n%config XinferenceMagics.server_command = {str(command)!r}"
    )
    yield kernel
    kernel.close()
    local.stop()


def test_a_kernel_that_restarts_while_its_server_starts(serving):
    serving.run(serving.command)
    sent = serving.send("%xinference serve")
    serving.collect(sent, until=lambda reply: "Starting Xinference" in reply.stdout)
    first = state.Running.load(state.find_folder())
    serving.manager.restart_kernel(now=True)
    serving.client.wait_for_ready(timeout=240)
    serving.run(serving.command)
    reply = serving.run("%xinference serve")
    again = state.Running.load(state.find_folder())
    assert again.server == first.server, reply
    serving.run("%xinference stop")
    assert first.server.process() is None
