"""A page that is reloaded, reopened or left without its kernel while an answer streams."""

import pytest
from playwright.sync_api import expect
from synthetic import PROSE

from xinference_magics.chat.turn import RECORD_MIME

LOAD = "%load_ext xinference_magics\nfrom synthetic import play, PROSE"
LONG = "turn = play(PROSE * 4, rate=25)"
COMMS = "import comm; print(len(comm.get_comm_manager().comms))"


def begin(notebook, index):
    notebook.run(index, wait=False)
    expect(notebook.output(index).locator(".xm-content")).to_contain_text("Montmartre")


def assert_settled(notebook, index):
    """Assert that a cell has its whole answer, as plain output that is saved."""
    output = notebook.output(index)
    expect(output.locator("p")).to_have_count(4)
    expect(output).to_have_count(1)
    assert notebook.page.locator(".xm-turn").count() == 0
    saved = notebook.save()
    assert "widgets" not in saved.metadata
    [shown] = saved.cells[index].outputs
    assert shown.data[RECORD_MIME]["message"]["data"]["content"] == PROSE * 4
    notebook.run(2)
    expect(notebook.output(2)).to_have_text("0\n")


def test_a_reloaded_page_gets_the_whole_answer(open_notebook):
    notebook = open_notebook([LOAD, LONG, COMMS])
    notebook.run(0)
    for is_saved in (True, False):  # with an output to find, and without
        begin(notebook, 1)
        if is_saved:
            notebook.save()
        notebook.load()
        expect(notebook.output(1).first).not_to_contain_text("Error displaying widget")
        assert_settled(notebook, 1)
    notebook.screenshot("reloaded-in-mid-answer")


def test_a_notebook_that_is_opened_later_gets_the_whole_answer(open_notebook, profile, lab):
    notebook = open_notebook([LOAD, LONG, COMMS])
    notebook.run(0)
    begin(notebook, 1)
    notebook.save()
    notebook.page.goto("about:blank")
    notebook.page.wait_for_timeout(6000)  # the answer ends meanwhile
    notebook.load()
    assert_settled(notebook, 1)


def test_a_reloaded_page_shows_an_answer_that_streams_in_the_background(
    open_notebook, server, tiny_chat
):
    use = f"%xinference connect {server.endpoint}\n%xinference use {tiny_chat.pt}"
    ask = "%%chat --bg -t 0\nCount from 1 to 300."
    notebook = open_notebook([f"{LOAD}\n{use}", ask, COMMS])
    notebook.run(0)
    notebook.run(1)
    expect(notebook.output(1).locator(".xm-content")).to_contain_text("1 2 3")
    notebook.save()
    notebook.load()
    expect(notebook.output(1).locator(".xm-content")).to_contain_text("1 2 3 4 5")
    notebook.screenshot("reloaded-while-it-streams")
    notebook.stop_button().click()
    expect(notebook.output(1).first).to_contain_text("■ stopped")
    assert notebook.page.locator(".xm-turn").count() == 0
    [shown] = notebook.save().cells[1].outputs
    assert shown.data[RECORD_MIME]["status"] == "stopped"


def test_what_is_shown_after_a_restart_is_what_is_saved(open_notebook):
    notebook = open_notebook([LOAD, LONG, COMMS])
    notebook.run(0)
    begin(notebook, 1)
    notebook.restart_kernel()
    output = notebook.output(1).first
    expect(output).to_contain_text("■ kernel restarted; the answer was not finished")
    expect(notebook.stop_button()).to_have_count(0)
    shown = output.inner_text()
    [saved] = notebook.save().cells[1].outputs
    assert "widget" not in " ".join(saved.data)
    assert PROSE[:20] in saved.data["text/plain"]
    notebook.screenshot("restarted-in-mid-answer")
    notebook.reload_without_kernel()
    assert notebook.output(1).first.inner_text() == shown


@pytest.mark.usefixtures("old_kernel")
def test_with_ipykernel_6_the_answer_comes_when_the_cell_has_ended(open_notebook):
    notebook = open_notebook([LOAD, LONG, COMMS], kernel="ipykernel6")
    notebook.run(0)
    begin(notebook, 1)
    notebook.save()
    notebook.load()
    assert_settled(notebook, 1)
