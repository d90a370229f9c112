"""The quickstart in Notebook 7: run cell by cell on a real server, streamed, stopped, saved."""

from pathlib import Path

import nbformat
import pytest
from jupyterlab_driver import Lab
from playwright.sync_api import expect

from xinference_magics.chat.turn import RECORD_MIME

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A Notebook 7 in the place of JupyterLab."""
    made = Lab(tmp_path_factory.mktemp("notebook7"), "notebook")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def quickstart(open_notebook, server, tiny_chat):
    """The code cells of the quickstart, on the test server; a cell that streams for long."""
    cells = nbformat.read(QUICKSTART, as_version=4).cells
    extension, *rest = (cell.source for cell in cells if cell.cell_type == "code")
    connect = f"{extension}\n%xinference connect {server.endpoint}"
    return open_notebook([connect, *rest, "%chat --new -o counted Count from 1 to 300."])


def test_the_quickstart_runs(quickstart):
    *cells, count = range(quickstart.page.locator(".jp-CodeCell").count())
    for index in cells:
        quickstart.run(index)
    shown = quickstart.output(3)
    expect(shown.locator("strong").first).to_be_visible()
    expect(shown).to_contain_text("Eiffel Tower")
    quickstart.screenshot("notebook-7")
    quickstart.run(count, wait=False)
    expect(quickstart.output(count).locator(".xm-content")).to_contain_text("1 2 3")
    quickstart.stop_button().click()
    quickstart.wait(count)
    saved = quickstart.save().cells
    assert not [cell for cell in saved for output in cell.outputs if output.output_type == "error"]
    assert saved[3].outputs[0].data[RECORD_MIME]["prompt"].endswith("capital of France?")
    assert saved[count].outputs[0].data[RECORD_MIME]["status"] == "stopped"


def test_a_cell_that_runs_again_replaces_its_turn(open_notebook, server, tiny_chat):
    setup = f"%load_ext xinference_magics\n%xinference connect {server.endpoint}"
    use = f"%xinference use {tiny_chat.gguf}"
    count = "talk = %conversation use default\nlen(talk.messages)"
    notebook = open_notebook([f"{setup}\n{use}", "%%chat -t 0\nHello!", count])
    for index in (0, 1, 1, 2):
        notebook.run(index)
    expect(notebook.output(2)).to_contain_text("2")
