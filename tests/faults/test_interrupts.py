"""A kernel interrupt at any moment of a turn and of a launch, in a real kernel.

The moments are counted, not timed: an alarm of the kernel's own process, after so many
microseconds of its CPU or wall time, sends the signal that Jupyter sends.
"""

import os
import random

import pytest
import recorded
from broken_shell import EVERYWHERE
from faulty_server import TEXT, FaultyServer
from kernel_driver import Kernel
from scripted_server import Stream

TIMES = 200 if EVERYWHERE else 20
ALARM = """
import os, signal, threading
def soon(seconds):
    threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT]).start()
def ours():
    import traceback, sys
    session = get_ipython().find_line_magic("chat").__self__.session
    names = sorted(t.name for t in threading.enumerate() if t.name.startswith("xinference"))
    turns = [(turn.status, turn.text) for turn in session.conversations.current.turns]
    return names, turns
"""


@pytest.fixture
def server():
    with FaultyServer() as made:
        made.faults["POST /v1/chat/completions"] = Stream(
            recorded.llama("One", " two", " three", " four."), delay=0.01
        )
        yield made


@pytest.fixture
def environment(server, tmp_path):
    return {
        **os.environ,
        "XINFERENCE_ENDPOINT": server.endpoint,
        "XINFERENCE_MAGICS_STATE": str(tmp_path / "state"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@pytest.fixture
def kernel(environment):
    made = Kernel(environment)
    made.run(ALARM)
    assert made.run("%load_ext xinference_magics").status == "ok"
    yield made
    made.close()


def is_clean(reply):
    """Whether a cell that was interrupted at any moment says so in no frame of ours."""
    if reply.status == "ok":
        return True
    ours = "xinference_magics/" in reply.stdout
    return reply.error.startswith("KeyboardInterrupt") and not ours


def moments(longest):
    """Random moments, the same in each run of the tests."""
    chosen = random.Random(20)  # noqa: S311
    return [chosen.uniform(0, longest) for _ in range(TIMES)]


def test_a_turn(kernel):
    kernel.run("%xinference use tiny")
    assert kernel.run("%%chat --new\nhi").status == "ok"
    kept = 1
    for moment in moments(0.3):
        reply = kernel.run(f"%%chat --show-prompt\n{{{{soon({moment})}}}}")
        reply = kernel.run("%%chat\nCount.")
        assert is_clean(reply), (moment, reply)
        kernel.run("import time; time.sleep(0.35)")  # the alarm is over
        names, turns = eval(kernel.value("ours()"))  # noqa: S307  # of our own making
        assert names == []
        assert len(turns) in {kept, kept + 1}
        kept = len(turns)
        assert all(TEXT.startswith(text) for _, text in turns)
        assert {status for status, _ in turns} <= {"done", "interrupted"}
    assert kernel.run("%%chat --new\nhi").status == "ok"


def test_a_launch(kernel, server):
    launch = "%xinference launch -n tiny-chat -u new --force --as new"
    assert kernel.run(launch).status == "ok"
    for moment in moments(1.0):
        before = len([each for each in server.requests if each.path == "/v1/models" and each.body])
        reply = kernel.run(f"soon({moment})\n{launch}")
        assert is_clean(reply), (moment, reply)
        begun = len([each for each in server.requests if each.path == "/v1/models" and each.body])
        if reply.status == "error" and begun > before:
            assert "%xinference use new" in reply.stdout, (moment, reply)
        kernel.run("import time; time.sleep(0.5)")
        assert eval(kernel.value("ours()[0]")) == []  # noqa: S307  # of our own making
    assert kernel.run(launch).status == "ok"


@pytest.mark.parametrize("number", range(TIMES // 5))
def test_the_first_turn_of_a_kernel(environment, number):
    """While everything is imported: what an interrupt tears must not stay torn."""
    moment = random.Random(number).uniform(0, 2.5)  # noqa: S311
    kernel = Kernel(environment)
    try:
        kernel.run(ALARM + "%load_ext xinference_magics")
        kernel.run(f"soon({moment})\n%chat hi")
        kernel.run("import time; time.sleep(2.5)")
        reply = kernel.run("%chat hi")
        assert reply.status == "ok", (moment, reply)
        assert "llm" in kernel.value("[name for name in ('llm',) if name in globals()]")
    finally:
        kernel.close()
