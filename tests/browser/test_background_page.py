"""A background turn in JupyterLab grows in its own cell while other cells run."""

import pytest
from playwright.sync_api import expect

from xinference_magics.chat.turn import RECORD_MIME

pytestmark = pytest.mark.long

IMPORTS = "%load_ext xinference_magics\nfrom gated import gate, tale"
BEGIN = "%%chat -m tale --bg -o story\nTell me a tale."
BUSY = "import time\nwhile not story.done:\n    time.sleep(0.05)\nprint('busy:', story.done)"
DEAF = "import time\ntime.sleep(3)\nprint('slept')"
WAITING = "print('waited:', story.result().status)"
GROWN = "length => document.querySelector('.xm-content').textContent.length > length"


def begin(notebook, index):
    """Run a cell that tells a tale in the background."""
    notebook.run(index)  # the cell finishes, the tale continues
    grows(notebook)


def grows(notebook):
    """Wait until the page shows more of the tale than it does now."""
    content = notebook.page.locator(".xm-content")
    expect(content).to_contain_text("Once upon a time")
    notebook.page.wait_for_function(GROWN, arg=len(content.text_content()))


def expect_stopped(output):
    """Expect a stopped turn and nothing else."""
    expect(output).to_have_count(1)
    expect(output).to_contain_text("■ stopped")
    expect(output.locator(".xm-turn")).to_have_count(0)


def test_it_grows_while_another_cell_runs_until_it_is_stopped(open_notebook):
    notebook = open_notebook([IMPORTS, BEGIN, BUSY, "gate.set()\nstory.result().status", BEGIN])
    notebook.run(0)
    begin(notebook, 1)
    notebook.run(2, wait=False)
    grows(notebook)
    assert notebook.is_running(2)
    notebook.screenshot("background-streaming")
    notebook.stop_button().click()
    notebook.wait(2)
    expect(notebook.output(2)).to_have_text("busy: True\n")
    expect_stopped(notebook.output(1))
    notebook.run(4)
    notebook.run(3)
    expect(notebook.output(3)).to_have_text("'done'")
    expect(notebook.output(4)).to_contain_text("they lived happily.")
    notebook.screenshot("background-settled")
    saved = notebook.save()
    assert "widgets" not in saved.metadata
    for index in (1, 4):
        [shown] = saved.cells[index].outputs
        assert set(shown.data) == {"text/html", "text/markdown", "text/plain", RECORD_MIME}


def test_an_old_kernel_handles_stop_during_cells_and_between_them(open_notebook, old_kernel):
    notebook = open_notebook([IMPORTS, BEGIN, DEAF, BEGIN, WAITING], kernel=old_kernel)
    notebook.run(0)
    begin(notebook, 1)
    notebook.run(2, wait=False)
    notebook.stop_button().click()
    notebook.wait(2)
    expect(notebook.output(2)).to_have_text("slept\n")  # it was not interrupted
    expect_stopped(notebook.output(1))
    begin(notebook, 3)
    notebook.run(4, wait=False)
    grows(notebook)
    notebook.stop_button().click()
    notebook.wait(4)
    expect(notebook.output(4)).to_have_text("waited: stopped\n")
    expect_stopped(notebook.output(3))
