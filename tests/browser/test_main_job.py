"""The main job in JupyterLab: a real server with the tiny model, slowed down to leave time."""

import pytest
from playwright.sync_api import expect
from throttle import throttled

from xinference_magics.chat.turn import RECORD_MIME

pytestmark = pytest.mark.long

BYTES_PER_SECOND = 8_000  # about 30 tokens per second from llama.cpp


@pytest.fixture(scope="module")
def slow_endpoint(server, tiny_chat):
    """The server behind a proxy that slows down its responses."""
    with throttled(server.endpoint, bytes_per_second=BYTES_PER_SECOND) as url:
        yield url


def connected(endpoint, uid="tiny-gguf"):
    """Return the first cell, which loads the extension and selects the model."""
    lines = (
        "%load_ext xinference_magics",
        f"%xinference connect {endpoint}",
        f"%xinference use {uid}",
    )
    return "\n".join(lines)


COUNT = "%%chat -t 0\nCount from 1 to 300."


@pytest.mark.parametrize("kernel", ["python3", "ipykernel6"])
def test_stop_ends_the_turn(open_notebook, slow_endpoint, old_kernel, kernel):
    cells = [connected(slow_endpoint), COUNT, "turn = _\nturn.status, turn.text[:9], 1 + 1"]
    notebook = open_notebook(cells, kernel=kernel)
    notebook.run(0)
    notebook.run(1, wait=False)
    expect(notebook.output(1).first).to_contain_text("1 2 3 4 5")
    assert notebook.is_running(1)
    notebook.screenshot(f"streaming-{kernel}", of=notebook.cell(1))
    notebook.stop_button().click()
    notebook.wait(1)
    expect(notebook.output(1).first).to_contain_text("stopped")
    expect(notebook.output(1).first).to_contain_text("1 2 3 4 5")
    expect(notebook.output(1).first).not_to_contain_text("300")
    notebook.screenshot(f"stopped-{kernel}", of=notebook.cell(1))
    notebook.run(2)
    expect(notebook.output(2).first).to_contain_text("('stopped', '1 2 3 4 5', 2)")


def test_a_kernel_interrupt_keeps_the_text_and_fails_the_cell(open_notebook, slow_endpoint):
    notebook = open_notebook([connected(slow_endpoint), COUNT, "1 + 1"])
    notebook.run(0)
    notebook.run(1, wait=False)
    expect(notebook.output(1).first).to_contain_text("1 2 3")
    notebook.execute("notebook:interrupt-kernel")
    notebook.wait(1)
    expect(notebook.output(1).first).not_to_contain_text("interrupted")  # which is told once
    expect(notebook.output(1).last).to_contain_text("KeyboardInterrupt: The turn was interrupted")
    expect(notebook.cell(1)).not_to_contain_text("Traceback")
    notebook.screenshot("interrupted", of=notebook.cell(1))
    notebook.run(2)
    expect(notebook.output(2)).to_have_text("2")


def test_the_settled_answer_is_there_without_a_kernel(open_notebook, server, tiny_chat):
    cells = [
        connected(server.endpoint),
        'country = "France"',
        "%%chat -t 0\nWhere can we visit in the capital of {{country}}?",
        "%%chat -t 0\nShow me a sample of Markdown.",
        "%xinference list",
        "answer = %chat -t 0 Hello!\nanswer",
    ]
    notebook = open_notebook(cells)
    for index in range(len(cells)):
        notebook.run(index)
    expect(notebook.output(2)).to_have_count(1)
    expect(notebook.output(2)).to_contain_text("Eiffel Tower")
    expect(notebook.output(5)).to_have_count(1)
    notebook.screenshot("main-job-light")
    notebook.use_theme("JupyterLab Dark")
    notebook.screenshot("main-job-dark")
    saved = notebook.save()
    [output] = saved.cells[2].outputs
    assert output.data[RECORD_MIME]["prompt"] == "Where can we visit in the capital of France?"
    assert "widget" not in str([list(each.get("data", {})) for each in saved.cells[3].outputs])
    notebook.reload_without_kernel()
    expect(notebook.output(2)).to_contain_text("Eiffel Tower")
    expect(notebook.output(3).locator("table")).to_be_visible()
    notebook.screenshot("main-job-reloaded")


def test_a_launch_shows_its_progress(open_notebook, server, tiny_registered):
    launch = (
        "uid = %xinference launch -n tiny-chat -f ggufv2 -q f16 -u browsed --disable-virtual-env"
    )
    connect = f"%load_ext xinference_magics\n%xinference connect {server.endpoint}"
    notebook = open_notebook([connect, launch, "%xinference terminate browsed"])
    notebook.run(0)
    notebook.run(1, wait=False)
    expect(notebook.cell(1)).to_contain_text("loading")
    notebook.screenshot("launching", of=notebook.cell(1))
    notebook.wait(1, timeout=180_000)
    expect(notebook.cell(1)).to_contain_text("browsed ready in")
    notebook.screenshot("launched", of=notebook.cell(1))
    notebook.run(2)
    expect(notebook.cell(2)).to_contain_text("Terminated browsed.")


def test_hostile_text_from_a_real_model_does_not_run(open_notebook, slow_endpoint):
    hostile = "%%chat -t 0\nShow me hostile HTML."
    notebook = open_notebook([connected(slow_endpoint), hostile])
    notebook.run(0)
    notebook.run(1, wait=False)
    expect(notebook.output(1).first).to_contain_text("onerror")
    notebook.assert_harmless()
    notebook.wait(1)
    expect(notebook.output(1).first).to_contain_text("<script>")
    notebook.assert_harmless()
    assert "<img" not in notebook.output(1).first.inner_html()
    notebook.save()
    notebook.reload_without_kernel()
    expect(notebook.output(1).first).to_contain_text("<script>")
