"""A kernel interrupt at any moment of a turn and of a launch, in a real kernel.

An alarm in the kernel's own process sends the signal that Jupyter sends, at a random moment of
the cell. It is disarmed at the end of the cell, because ipykernel loses replies that are
interrupted.
"""

import random

import pytest
import recorded
from broken_shell import EVERYWHERE, eventually
from faulty_server import TEXT, FaultyServer
from kernel_driver import Kernel, environment
from scripted_server import Stream

TIMES = 200 if EVERYWHERE else 20
ALARM = """
import os, signal, threading
def arm(seconds):
    global alarm
    alarm = threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT])
    alarm.start()
def ours():
    session = get_ipython().find_line_magic("chat").__self__.session
    names = sorted(t.name for t in threading.enumerate() if t.name.startswith("xinference"))
    turns = [(turn.status, turn.text) for turn in session.conversations.current.turns]
    return names, turns
def left():
    import asyncio, gc, psutil, sys
    from comm import get_comm_manager
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)  # the last error keeps what it has interrupted
    gc.collect()
    port = int(os.environ["XINFERENCE_ENDPOINT"].rpartition(":")[2])
    connections = psutil.Process().net_connections("tcp")
    there = [each for each in connections if each.raddr and each.raddr.port == port]
    return len(get_comm_manager().comms), len(asyncio.all_tasks()), len(there)
"""


def within(moment, line):
    """Return a cell that runs `line` and is interrupted after `moment` seconds if it still runs."""
    return f"arm({moment})\ntry:\n    {line}\nfinally:\n    alarm.cancel()"


@pytest.fixture
def server():
    with FaultyServer() as made:
        made.faults["POST /v1/chat/completions"] = Stream(
            recorded.llama("One", " two", " three", " four."), delay=0.01
        )
        yield made


@pytest.fixture
def user(server, tmp_path):
    return environment(tmp_path, XINFERENCE_ENDPOINT=server.endpoint)


@pytest.fixture
def kernel(user):
    made = Kernel(user)
    made.run(ALARM)
    assert made.run("%load_ext xinference_magics").status == "ok"
    yield made
    made.close()


def is_clean(reply):
    """Return whether a cell that was interrupted at any moment shows no frame of ours."""
    if reply.status == "ok":
        return True
    ours = "xinference_magics/" in reply.stdout
    return reply.error.startswith("KeyboardInterrupt") and not ours


def check_left(kernel, before):
    """Check that no thread runs, and that no new widget, task or connection is open."""
    threads = "ours()[0]"  # a thread aborts requests on the server
    eventually(lambda: kernel.value(threads) == "[]", "the threads have ended")
    assert eval(kernel.value("left()")) == before  # noqa: S307  # of our own making


def moments(longest):
    """Return random moments, the same in each run of the tests."""
    chosen = random.Random(20)  # noqa: S311
    return [chosen.uniform(0, longest) for _ in range(TIMES)]


def test_a_turn(kernel):
    kernel.run("%xinference use tiny")
    assert kernel.run("%%chat --new\nhi").status == "ok"
    kept, before = 1, eval(kernel.value("left()"))  # noqa: S307  # of our own making
    for moment in moments(0.3):
        reply = kernel.run(within(moment, "%chat Count."))
        assert is_clean(reply), (moment, reply)
        check_left(kernel, before)
        _, turns = eval(kernel.value("ours()"))  # noqa: S307  # of our own making
        assert len(turns) in {kept, kept + 1}
        kept = len(turns)
        assert all(TEXT.startswith(text) for _, text in turns)
        assert {status for status, _ in turns} <= {"done", "interrupted"}
    assert kernel.run("%%chat --new\nhi").status == "ok"


def test_a_launch(kernel, server):
    launch = "%xinference launch -n tiny-chat -u new --force --as new"
    assert kernel.run(launch).status == "ok"
    open_before = eval(kernel.value("left()"))  # noqa: S307  # of our own making
    for moment in moments(1.0):
        before = len([each for each in server.requests if each.path == "/v1/models" and each.body])
        reply = kernel.run(within(moment, launch))
        assert is_clean(reply), (moment, reply)
        begun = len([each for each in server.requests if each.path == "/v1/models" and each.body])
        if reply.status == "error" and begun > before:
            assert "%xinference use new" in reply.stdout, (moment, reply)
        check_left(kernel, open_before)
    assert kernel.run(launch).status == "ok"


def test_a_launch_whose_view_is_about_to_open(kernel):
    """A half-built widget could neither be shown nor closed."""
    kernel.run("%xinference launch -n tiny-chat -u new --force --as new")
    before = eval(kernel.value("left()"))  # noqa: S307  # of our own making
    kernel.run("""
from xinference_magics.display.widget import LaunchWidget
def interrupted(self, *args, own=LaunchWidget.__init__, **options):
    os.kill(os.getpid(), signal.SIGINT)
    own(self, *args, **options)
LaunchWidget.__init__ = interrupted
""")
    reply = kernel.run("%xinference launch -n tiny-chat -u new --force --as new")
    assert reply.status == "error"
    assert is_clean(reply), reply
    assert "%xinference use new" in reply.stdout
    check_left(kernel, before)


INTERRUPTING_FINDER = """
import sys
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize("name", ["yaml.cyaml", "pydantic.fields", "langsmith.schemas"])
def test_an_import_is_complete_before_an_interrupt(user, name):
    """A package whose import was cut off could not be imported again."""
    kernel = Kernel(user)
    try:
        kernel.run(ALARM + "%load_ext xinference_magics")
        kernel.run(INTERRUPTING_FINDER.format(name=name))
        reply = kernel.run("%chat hi")
        assert reply.error == "KeyboardInterrupt: The command was interrupted."
        assert kernel.value(f"{name!r} in sys.modules") == "True"
        assert kernel.run("%chat hi").status == "ok"
    finally:
        kernel.close()


@pytest.mark.parametrize("number", range(TIMES // 5))
def test_the_first_turn_of_a_kernel(user, number):
    """While everything is being imported: what an interrupt breaks must not stay broken."""
    moment = random.Random(number).uniform(0, 1.0)  # noqa: S311
    kernel = Kernel(user)
    try:
        kernel.run(ALARM + "%load_ext xinference_magics")
        assert is_clean(kernel.run(within(moment, "%chat hi")))
        reply = kernel.run("%chat hi")
        assert reply.status == "ok", (moment, reply)
        assert "llm" in kernel.value("[name for name in ('llm',) if name in globals()]")
    finally:
        kernel.close()
