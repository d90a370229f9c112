"""What a running turn sends to the page, observed on a real kernel's channels."""

import os
from pathlib import Path
from queue import Empty

import ipykernel
import pytest
from growing_page import GrowingPage
from jupyter_client.manager import KernelManager
from synthetic import PROSE
from waiting import eventually

from xinference_magics.chat.turn import RECORD_MIME
from xinference_magics.display.markdown import renderer

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def kernel():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(TESTS)})
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=240)
    yield client
    client.stop_channels()
    manager.shutdown_kernel()
    manager.cleanup_resources()


def run(client, code, *, answer=None, allow_stdin=True):
    """Execute code as JupyterLab does; collect the messages, passing each to `answer`."""
    sent = client.execute(code, allow_stdin=allow_stdin)
    messages = []
    while True:
        try:
            message = client.get_iopub_msg(timeout=240)
        except Empty:
            pytest.fail("The kernel fell silent.")
        if message["parent_header"].get("msg_id") != sent:
            continue
        messages.append(message)
        if message["msg_type"] == "error":
            pytest.fail("\n".join(message["content"]["traceback"]))
        if answer is not None:
            answer(message)
        if message["content"].get("execution_state") == "idle":
            return messages


def of_type(messages, kind):
    return [message["content"] for message in messages if message["msg_type"] == kind]


def printed(messages):
    """Return everything printed; a busy kernel may split a line over two messages."""
    return "".join(content["text"] for content in of_type(messages, "stream"))


def frames(messages):
    sent = [content["data"].get("content") for content in of_type(messages, "comm_msg")]
    return [frame for frame in sent if frame and "n" in frame]


def say(client, comm_id, content):
    """Send what the page would send."""
    data = {"method": "custom", "content": content}
    message = client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
    client.shell_channel.send(message)


def play(text, **options):
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return f"from synthetic import play\nturn = play({text!r}{given})"


class Page:
    """Answers as the widget's page does: asks for everything at first, and confirms the end."""

    def __init__(self, client):
        self.client = client
        self.comm_id = None

    def __call__(self, message):
        content = message["content"]
        if message["msg_type"] == "comm_open" and "_esm" in content["data"]["state"]:
            self.comm_id = content["comm_id"]
            say(self.client, self.comm_id, {"kind": "resync"})
        elif message["msg_type"] == "comm_msg" and content["data"].get("content") == {
            "ended": True
        }:
            say(self.client, self.comm_id, {"kind": "kept"})


def page_of(frames):
    """Assemble the frames of one text as the page does."""
    page = GrowingPage()
    for frame in frames:
        if "all" in frame:
            page = GrowingPage()
        for _, piece in frame.get("all", frame.get("add", [])):
            page.take(piece)
    return page


def test_frames_are_numbered_and_hold_each_piece_once(kernel):
    messages = run(kernel, play(PROSE * 10, rate=300), answer=Page(kernel))
    seen = frames(messages)
    assert [frame["n"] for frame in seen] == list(range(1, len(seen) + 1))
    page = page_of(seen)
    assert page.rest == ""
    assert "".join(page.blocks) == renderer().render(PROSE * 10)
    added = [piece for frame in seen for _, piece in frame.get("add", [])]
    assert sum(len(each) for each in added if isinstance(each, str)) <= len(PROSE * 10)


def test_a_turn_ends_as_plain_output_with_every_comm_closed(kernel):
    messages = run(kernel, play(PROSE, rate=1000), answer=Page(kernel))
    opened = {content["comm_id"] for content in of_type(messages, "comm_open")}
    assert len(opened) == 2  # the widget, and the layout that every ipywidget has
    count = "print(len(__import__('comm').get_comm_manager().comms))"
    eventually(lambda: printed(run(kernel, count)) == "0\n")  # once the page has confirmed
    (shown,) = of_type(messages, "display_data")
    (settled,) = of_type(messages, "update_display_data")
    assert shown["transient"] == settled["transient"]
    assert set(settled["data"]) == {"text/html", "text/markdown", "text/plain", RECORD_MIME}


def test_reasoning_is_sent_as_such(kernel):
    messages = run(kernel, play("Paris.", reasoning="Let me think. "), answer=Page(kernel))
    sent = [frame.get("all", frame.get("add", [])) for frame in frames(messages)]
    kinds = [kind for pieces in sent for kind, _ in pieces]
    assert kinds[0] == "reasoning"
    assert kinds[-1] == "text"


def test_a_page_that_never_answers_gets_everything_now_and_then(kernel):
    seen = frames(run(kernel, play(PROSE * 8, rate=60)))
    whole = [frame for frame in seen if "all" in frame]
    assert 1 <= len(whole) <= 3
    sent = [page_of([frame]) for frame in whole]
    assert sum(len(each.text) for each in sent) <= 2 * len(PROSE * 8)
    assert "".join(page_of(seen).blocks) == renderer().render(PROSE * 8)


def test_a_pause_is_one_short_message_with_the_last_number(kernel):
    seen = frames(run(kernel, play("Paris and London", rate=0.3), answer=Page(kernel)))
    pauses = [frame for frame in seen if frame.keys() == {"n"}]
    assert len(pauses) == 2
    for pause in pauses:
        assert pause["n"] == seen[seen.index(pause) - 1]["n"]


@pytest.mark.skipif(
    (7, 0) <= ipykernel.version_info < (7, 4), reason="these need a front end with subshells"
)
def test_stop_works_while_the_cell_runs_without_help_from_the_frontend(kernel):
    page = Page(kernel)

    def stop(message):
        page(message)
        if message["msg_type"] == "comm_msg":
            say(kernel, page.comm_id, {"kind": "stop"})

    messages = run(kernel, play(PROSE * 50, rate=30) + "\nprint(turn.status)", answer=stop)
    assert printed(messages) == "stopped\n"
    sent = [content["data"].get("content") for content in of_type(messages, "comm_msg")]
    assert {"stopping": True} in sent


def test_unknown_messages_do_no_harm(kernel):
    page = Page(kernel)

    def babble(message):
        page(message)
        if message["msg_type"] == "comm_msg":
            for content in (None, [], "stop", {}, {"kind": ["stop"]}, {"kind": "other"}):
                say(kernel, page.comm_id, content)

    messages = run(kernel, play(PROSE, rate=200) + "\nprint(turn.status)", answer=babble)
    assert printed(messages) == "done\n"


@pytest.mark.skipif(ipykernel.version_info < (7, 4), reason="it asks since 7.4")
def test_ipykernel_still_asks_comms_where_their_messages_go(kernel):
    code = "from ipykernel.comm.comm import BaseComm\n"
    code += "print(hasattr(BaseComm, '_reply_subshell_for'))"
    assert printed(run(kernel, code)) == "True\n"


def test_a_run_that_nobody_watches_gets_no_widget(kernel):
    messages = run(kernel, play(PROSE, rate=1000), allow_stdin=False)
    assert not of_type(messages, "comm_open")
    (shown,) = of_type(messages, "display_data")
    assert RECORD_MIME in shown["data"]


def test_a_captured_turn_is_captured_in_its_settled_form(kernel):
    code = "from IPython.utils.capture import capture_output\nwith capture_output() as kept:\n"
    code += "    " + play(PROSE, rate=1000).replace("\n", "\n    ")
    messages = run(kernel, code + f"\nprint({RECORD_MIME!r} in kept.outputs[0].data)")
    assert not of_type(messages, "comm_open")
    assert printed(messages) == "True\n"


def test_the_page_does_not_trigger_a_cells_events(kernel):
    watch = "seen = []\nget_ipython().events.register('post_execute', lambda: seen.append(1))"
    run(kernel, watch)
    code = play(PROSE, rate=200) + "\nbefore = len(seen)"
    run(kernel, "seen.clear()\n" + code, answer=Page(kernel))
    assert printed(run(kernel, "print(before)")) == "0\n"


LONG_ANSWER = """
import time
from IPython import get_ipython
from langchain_core.messages import AIMessageChunk
from xinference_magics.chat.live import LiveTurn
from xinference_magics.display.views import choose_view
live, view = LiveTurn("long"), choose_view(get_ipython())
view.open([live])
for count, sent in ((1_500, -60), (10, 60), (10, -60)):  # seconds since the last frame
    for _ in range(count):
        live.add(AIMessageChunk("word "))
    view._feeds[0]._last_sent = time.monotonic() + sent
    view.repaint([live])
view.dismiss()
"""


def test_a_long_answer_arrives_whole_in_fewer_frames(kernel):
    texts = [
        "".join(text for _, text in frame["add"])
        for frame in frames(run(kernel, LONG_ANSWER))
        if "add" in frame
    ]
    assert [len(text.split()) for text in texts] == [1_500, 20]
