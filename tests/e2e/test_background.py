"""`%%chat --bg` in a real kernel: other cells run, and contain none of its output."""

from pathlib import Path
from queue import Empty

import nbformat
import pexpect
import pytest
from kernel_driver import CONVERSATION, Kernel, environment
from nbclient import NotebookClient
from terminal_driver import terminal

from xinference_magics.chat.turn import RECORD_MIME

TESTS = Path(__file__).parents[1]
GATED = f"import sys; sys.path.insert(0, {str(TESTS)!r})\nfrom gated import broken, gate, tale"
BEGIN = "%%chat -m tale --bg -o story\nTell me a tale."
LATER = "print('later', story.done)"
OUTPUTS = ("stream", "display_data", "update_display_data", "execute_result", "error")
TURNS = f"{CONVERSATION}.turns"


@pytest.fixture(scope="module")
def plain_env(tmp_path_factory):
    """The environment of a kernel that needs no server."""
    return environment(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def gated_kernel(plain_env):
    """A kernel with chains that keep running until `gate.set()`."""
    made = Kernel(plain_env)
    assert made.run(GATED).status == "ok"
    yield made
    made.close()


@pytest.fixture
def telling(gated_kernel):
    """That kernel, with a new conversation and the gate closed."""
    gated_kernel.run("gate.clear()\n%load_ext xinference_magics")
    yield gated_kernel
    gated_kernel.run("%unload_ext xinference_magics")


def outputs_until(kernel, last, found=None):
    """Return the kernel's outputs by cell, once cell `last` has ended and `found` accepts them."""
    cells, ended = {}, False
    while not (ended and (found is None or found(cells))):
        try:
            message = kernel.client.get_iopub_msg(timeout=240)
        except Empty:
            pytest.fail(f"nothing more came: {cells}")
        parent = message["parent_header"].get("msg_id")
        if message["msg_type"] in OUTPUTS:
            cells.setdefault(parent, []).append(message)
        idle = message["content"].get("execution_state") == "idle"
        ended = ended or (idle and parent == last)
    return cells


def settled(messages):
    """Return the last update of a display."""
    updates = [each for each in messages if each["msg_type"] == "update_display_data"]
    return updates[-1]["content"]["data"] if updates else None


def test_none_of_its_output_is_in_another_cell(telling):
    first = telling.send(BEGIN, cell_id="a")
    second = telling.send(f"import time; time.sleep(0.3)\n{LATER}", cell_id="b")
    third = telling.send("%%capture kept\ngate.set()\nended = story.wait()", cell_id="c")
    cells = outputs_until(telling, third, lambda cells: settled(cells[first]))
    assert set(cells) == {first, second}
    [later] = cells[second]
    assert later["content"]["text"] == "later False\n"
    [shown, update] = cells[first]
    assert shown["msg_type"] == "display_data"
    assert shown["content"]["transient"] == update["content"]["transient"]
    bundle = update["content"]["data"]
    assert set(bundle) == {"text/html", "text/markdown", "text/plain", RECORD_MIME}
    assert "they lived happily." in bundle["text/html"]
    assert telling.value("kept.outputs, kept.stdout") == "([], '')"
    assert telling.value("story.result().text.endswith('happily.')") == "True"


def test_a_failure_is_a_line_in_its_own_cell_and_raised_by_the_result(telling):
    first = telling.send("%%chat -m broken --bg -o story\nTell me a tale.")
    last = telling.send("gate.set()")
    cells = outputs_until(telling, last, lambda cells: settled(cells[first]))
    assert set(cells) == {first}
    assert "failed: no more ink" in settled(cells[first])["text/plain"]
    reply = telling.run("story.result()")
    assert reply.error == "ValueError: no more ink"
    assert telling.value("story").endswith("failed: 'no more ink')")


def test_a_later_turn_waits_and_commands_do_too(telling):
    telling.run(BEGIN)
    other = telling.run("%%chat -m tale --bg --once -o other\nTell me another.")
    assert other.status == "ok"
    shown = telling.run("%conversation show")
    assert "1 turn is being answered in the background." in shown.displays[-1]["text/plain"]
    telling.run("queued = %chat -m tale --bg -o queued And then?")
    assert telling.value("queued") == "PendingTurn('tale', waiting)"
    for code in ("%chat -m tale And then?", "%conversation undo", "%conversation clear"):
        sent = telling.send(code)
        reply = telling.collect(sent, until=lambda reply: "Waiting for" in reply.stdout)
        waiting = "Waiting for an earlier turn of this conversation: tale.\n"
        assert reply.stdout == waiting
        telling.manager.interrupt_kernel()
        reply = telling.collect(sent, reply=reply)
        assert reply.error.startswith(
            "KeyboardInterrupt: tale is still answering in the background"
        )
    assert telling.value("story.done, queued.done") == "(False, False)"
    open_soon = "import threading\nthreading.Timer(0.2, gate.set).start()\n"
    assert telling.run(f"{open_soon}%chat -m tale And after that?").status == "ok"
    prompts = telling.value(f"[each.prompt for each in {TURNS}]")
    assert prompts == "['Tell me a tale.', 'And then?', 'And after that?']"
    assert "Dropped 1 turn." in telling.run("%conversation undo").stdout


def test_running_the_cell_again_replaces_it(telling):
    telling.run(BEGIN, cell_id="a")
    telling.run("before = story")
    telling.run(BEGIN, cell_id="a")
    assert telling.value("before.result().status, story.done") == "('stopped', False)"
    telling.run("gate.set()\nstory.result()")
    assert telling.value(f"[each is story.result() for each in {TURNS}]") == "[True]"


def test_options_that_need_a_waiting_cell_are_refused(telling):
    for options in ("--tools print", "--confirm", "--stream false"):
        reply = telling.run(f"%%chat -m tale --bg {options}\nTell me a tale.")
        assert reply.status == "error"
        assert reply.error.startswith("UsageError")
        assert "--bg" in reply.error


def test_unloading_stops_it(telling):
    telling.run(BEGIN)
    telling.run("%unload_ext xinference_magics")
    assert telling.value("story.result(10).status") == "'stopped'"


def test_the_end_of_the_kernel_stops_it(plain_env, tmp_path):
    note = tmp_path / "end.txt"
    at_end = f"atexit.register(lambda: open({str(note)!r}, 'w').write(str(story)))"
    ending = Kernel(plain_env)
    try:
        ending.run(f"{GATED}\nimport atexit\n{at_end}\n%load_ext xinference_magics")
        assert ending.run(BEGIN).status == "ok"
        ending.manager.shutdown_kernel()
    finally:
        ending.client.stop_channels()
    assert note.read_text().startswith("PendingTurn('tale', stopped: ")


def test_the_tiny_model_answers_in_the_background(kernel, tiny_chat):
    kernel.run(f"%xinference use {tiny_chat.pt}\n%config XinferenceMagics.temperature = 0.0")
    first = kernel.send("%%chat --bg name <<\nMy name is Alice.", cell_id="a")
    second = kernel.send("answer = %chat --bg -p seed=1 What is my name?", cell_id="b")
    third = kernel.send("answer.result().text", cell_id="c")
    cells = outputs_until(kernel, third)
    assert "Alice" in settled(cells[first])["text/plain"]
    assert "Your name is Alice." in settled(cells[second])["text/plain"]
    assert cells[second][-1]["content"]["text"] == "Note: The transformers engine ignores seed.\n"
    [result] = cells[third]
    assert result["content"]["data"]["text/plain"] == "'Your name is Alice.'"
    form = "{'type': 'object', 'properties': {'name': {'type': 'string'}}, 'title': 'Person'}"
    kernel.run(f"form = {form}\nanswer = %chat --bg --once --schema form Ada Lovelace was born")
    assert kernel.value("answer.done or answer.wait(60)") == "True"


def test_without_a_page_the_result_is_shown_where_it_is_requested(plain_env, monkeypatch, tmp_path):
    for name, value in plain_env.items():
        monkeypatch.setenv(name, value)
    code = [f"%load_ext xinference_magics\n{GATED}", BEGIN, "gate.set()", "story.result()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in code])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    _, begun, opened, wanted = notebook.cells
    said, value = begun.outputs
    assert "tale answers in the background: story.result() waits for the answer" in said.text
    assert value.data["text/plain"].startswith("PendingTurn('tale', ")
    assert opened.outputs == []
    [shown] = wanted.outputs
    assert "they lived happily." in shown.data["text/html"]
    assert RECORD_MIME in shown.data


def test_in_a_terminal(plain_env):
    with terminal(plain_env) as ipython:
        for line in ("%load_ext xinference_magics", *GATED.splitlines()):
            ipython.run(line)
        ipython.run("story = %chat -m tale --bg Tell me a tale.")
        ipython.run("story", r"PendingTurn\('tale', ")
        waiting = "Waiting for an earlier turn of this conversation: tale."
        ipython.run("%chat -m tale And then?", waiting)
        ipython.child.sendintr()
        ipython.expect("KeyboardInterrupt: tale is still answering in the background")
        ipython.run("gate.set(); story.result()", "they lived happily")
        ipython.run("gate.clear()")
        ipython.run("story = %chat -m tale --bg Tell me a tale.")
        ipython.run("exit", pexpect.EOF)
        assert "Traceback" not in ipython.child.before
