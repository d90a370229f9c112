"""The quickstart in Notebook 7, run cell by cell on a real server; streaming, Stop and turns."""

from pathlib import Path

import nbformat
import pytest
from jupyterlab_driver import Lab
from playwright.sync_api import expect

from xinference_magics.chat.turn import RECORD_MIME

pytestmark = pytest.mark.long

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Notebook 7 instead of JupyterLab."""
    made = Lab(tmp_path_factory.mktemp("notebook7"), "notebook")
    made.start()
    yield made
    made.stop()


def test_the_quickstart_runs(open_notebook, server, tiny_chat):
    cells = nbformat.read(QUICKSTART, as_version=4).cells
    extension, *rest = (cell.source for cell in cells if cell.cell_type == "code")
    sources = [f"{extension}\n%xinference connect {server.endpoint}", *rest]
    notebook = open_notebook(sources)
    for index in range(len(sources)):
        notebook.run(index)
    expect(notebook.output(3)).to_contain_text("Eiffel Tower")
    notebook.screenshot("notebook-7")
    saved = notebook.save().cells
    assert not [cell for cell in saved for output in cell.outputs if output.output_type == "error"]
    [asked] = saved[3].outputs
    assert asked.data[RECORD_MIME]["prompt"].endswith("in the capital of France?")


def test_stop_ends_a_turn_and_the_cell_continues(open_notebook):
    turn = "turn = play(PROSE * 20, rate=30)\nprint('this cell goes on:', turn.status)"
    notebook = open_notebook(["from synthetic import play, PROSE", turn])
    notebook.run(0)
    notebook.run(1, wait=False)
    content = notebook.output(1).locator(".xm-content")
    expect(content).to_contain_text("Montmartre")
    notebook.stop_button().click()
    notebook.wait(1)
    expect(notebook.output(1).last).to_contain_text("this cell goes on: stopped")


def test_buttons_and_a_reload_in_mid_answer(open_notebook, profile):
    profile.grant_permissions(["clipboard-read", "clipboard-write"])
    load = "from synthetic import play, PROSE"
    notebook = open_notebook(
        [load, "play('# *One*')", "play(PROSE * 4, rate=25)", "%%chat\nIs it?"]
    )
    for index in (0, 1):
        notebook.run(index)
    copy = notebook.output(1).first.locator(".xm-copy")
    copy.click()
    expect(copy).to_have_text("Copied")
    assert notebook.page.evaluate("() => navigator.clipboard.readText()") == "# *One*"
    notebook.run(2, wait=False)
    expect(notebook.output(2).locator(".xm-content")).to_contain_text("Montmartre")
    notebook.save()
    notebook.load()
    expect(notebook.output(2).locator("p")).to_have_count(4)
    [shown] = notebook.save().cells[2].outputs
    assert RECORD_MIME in shown.data
    before = notebook.output(1).first.inner_text()
    notebook.output(1).first.get_by_role("button", name="Ask again").click()
    expect(notebook.output(1).first).not_to_have_text(before)
    kinds = "each => each.model.mimeType"
    types = f"() => jupyterapp.shell.currentWidget.content.widgets.map({kinds})"
    assert notebook.page.evaluate(types)[2:] == ["text/x-ipython", "text/x-ipythongfm"]


def test_a_cell_that_runs_again_replaces_its_turn(open_notebook, server, tiny_chat):
    setup = f"%load_ext xinference_magics\n%xinference connect {server.endpoint}"
    use = f"%xinference use {tiny_chat.gguf}"
    count = "talk = %conversation use default\nlen(talk.messages)"
    notebook = open_notebook([f"{setup}\n{use}", "%%chat -t 0\nHello!", count])
    for index in (0, 1, 1, 2):
        notebook.run(index)
    expect(notebook.output(2).last).to_have_text("2")
