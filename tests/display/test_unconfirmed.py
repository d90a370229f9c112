"""An answer stays available to a page that is reloaded, until one says that it has it."""

import os
import time
from pathlib import Path
from queue import Empty

import pytest
from kernel_driver import Kernel, environment

from xinference_magics.chat.turn import RECORD_MIME

TESTS = Path(__file__).resolve().parents[1]
PLAY = "from synthetic import play\nturn = play('Paris is the capital. ' * 40, rate=100)"
OPEN = "__import__('comm').get_comm_manager().comms.__len__()"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    kernel = Kernel.loaded(environment(folder, PYTHONPATH=f"{TESTS}{os.pathsep}{Path.cwd()}"))
    yield kernel
    kernel.close()


class Page:
    """A page that shows the widget of a cell, and then may be reloaded."""

    def __init__(self, kernel, cell_id):
        self.client = kernel.client
        self.cell_id = cell_id
        self.comm_id = None
        self.states = []

    def run(self, code, *, reloaded=True):
        """Run a cell up to its end; a page that is not reloaded confirms it."""
        sent = self.client.session.msg(
            "execute_request",
            {"code": code, "silent": False, "store_history": True, "allow_stdin": True},
            metadata={"cellId": self.cell_id},
        )
        self.client.shell_channel.send(sent)
        for message in self.messages(240):
            content, kind = message["content"], message["msg_type"]
            if kind == "comm_open" and "_esm" in content["data"]["state"]:
                self.comm_id = content["comm_id"]
                self.say("resync")
            if kind == "comm_msg" and content["data"].get("content") == {"ended": True}:
                None if reloaded else self.say("kept")
            is_reply = message["parent_header"].get("msg_id") == sent["header"]["msg_id"]
            if is_reply and content.get("execution_state") == "idle":
                return

    def say(self, kind):
        data = {"method": "custom", "content": {"kind": kind}}
        self.send(data)

    def send(self, data):
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm_id, "data": data})
        self.client.shell_channel.send(message)

    def states_after(self, send):
        """Return the states that arrive after `send()`."""
        send()
        states = []
        for message in self.messages(10):
            if message["msg_type"] == "comm_msg":
                states.append(message["content"]["data"].get("state") or {})
                if "settled" in states[-1]:
                    return states
        return states

    def messages(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                yield self.client.get_iopub_msg(timeout=0.2)
            except Empty:
                continue


def open_comms(kernel, expected):
    """Return how many comms are open, after giving those that close a moment."""
    for _ in range(20):
        found = int(kernel.value(OPEN))
        if found == expected:
            break
        time.sleep(0.1)
    return found


def test_it_is_closed_when_a_page_has_it(kernel):
    Page(kernel, "first").run(PLAY, reloaded=False)
    assert open_comms(kernel, 0) == 0


def test_a_page_that_comes_later_gets_the_settled_output(kernel):
    page = Page(kernel, "second")
    page.run(PLAY)
    assert open_comms(kernel, 2) == 2  # the widget and its layout
    [*_, asked] = page.states_after(lambda: page.say("settled"))
    assert RECORD_MIME in asked["settled"]
    [*_, whole] = page.states_after(lambda: page.send({"method": "request_state"}))
    assert (whole["late"], whole["cell"], whole["key"]) == (True, "second", page.comm_id)
    assert whole["settled"] == asked["settled"]
    page.say("kept")
    assert open_comms(kernel, 0) == 0


def test_a_cell_that_runs_again_replaces_its_widget(kernel):
    page = Page(kernel, "third")
    page.run(PLAY)
    page.run("1 + 1")
    assert open_comms(kernel, 0) == 0


def test_what_no_page_confirms_is_said_once_by_a_later_cell(kernel):
    Page(kernel, "fourth").run(PLAY)
    kernel.run("from xinference_magics.display import unconfirmed")
    soon = kernel.run("unconfirmed._PATIENCE_SECONDS = 0")
    assert not soon.stdout
    said = "The answer of qwen2.5-instruct came while the page was reloaded or closed: "
    assert kernel.run("1").stdout == said + "%conversation show\n"
    assert not kernel.run("1").stdout


def test_nothing_stays_open_where_no_page_ever_answered(kernel):
    before = int(kernel.value(OPEN))
    assert kernel.run(PLAY).status == "ok"
    assert int(kernel.value(OPEN)) == before
