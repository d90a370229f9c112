"""The buttons of answers and the colours of prompts in JupyterLab, with and without a kernel."""

import re

import pytest
from playwright.sync_api import expect

from xinference_magics.chat.comparison import COMPARISON_MIME

LOAD = "%load_ext xinference_magics\nfrom synthetic import play, PROSE"
TEXT = "# Code\n\n```python\nif True:\n\tprint('*')\n```\n\nIt is **bold**.\n"
ANSWER = f"count = globals().get('count', 0) + 1\nturn = play({TEXT!r} + str(count))"
PROMPT = "%%chat\nIs this in Python, and is it not?\n# A heading"


def clipboard(notebook):
    return notebook.page.evaluate("() => navigator.clipboard.readText()")


@pytest.fixture(autouse=True)
def allowed(profile):
    profile.grant_permissions(["clipboard-read", "clipboard-write"])


def test_copy_and_ask_again(open_notebook):
    notebook = open_notebook([LOAD, ANSWER, PROMPT])
    for index in (0, 1):
        notebook.run(index)
    output = notebook.output(1).first
    copy, again = output.locator(".xm-copy"), output.get_by_role("button", name="Ask again")
    expect(copy).to_have_text("Copy")
    copy.click()
    expect(copy).to_have_text("Copied")
    assert clipboard(notebook) == TEXT + "1"
    output.locator("pre").hover()
    code = output.locator(".xm-copy-code")
    code.click()
    expect(code).to_have_text("Copied")
    assert clipboard(notebook) == "if True:\n\tprint('*')\n"
    notebook.screenshot("answer-buttons", of=notebook.cell(1))
    again.focus()
    notebook.page.keyboard.press("Enter")  # keys on a button are not the notebook's
    expect(notebook.output(1).first).to_contain_text(re.compile(r"bold\.\s*2"))
    assert notebook.page.evaluate("() => document.activeElement.closest('.jp-Notebook') !== null")
    assert notebook.page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.widgets.map(each => each.model.mimeType)"
    ) == ["text/x-ipython", "text/x-ipython", "text/x-ipythongfm"]
    expect(notebook.cell(2).locator(".cm-content .ͼn, .cm-content [class*=keyword]")).to_have_count(
        0
    )
    notebook.screenshot("prompt-colours", of=notebook.cell(2))
    saved = notebook.save()
    html = saved.cells[1].outputs[0].data["text/html"]
    assert "hidden>Copy</button>" in html
    assert not any(each in html for each in ("<script", "<iframe", " on"))
    notebook.reload_without_kernel()
    notebook.output(1).locator(".xm-copy").click()
    assert clipboard(notebook) == TEXT + "2"


def test_the_focus_stays_in_the_cell_when_an_answer_settles(open_notebook):
    notebook = open_notebook([LOAD, "turn = play(PROSE * 20, rate=30)"])
    notebook.run(0)
    notebook.run(1, wait=False)
    expect(notebook.output(1).locator(".xm-content")).to_contain_text("Montmartre")
    notebook.stop_button().focus()
    notebook.page.keyboard.press("Enter")
    notebook.wait(1)
    expect(notebook.output(1).first).to_contain_text("■ stopped")
    focused = "() => document.activeElement.closest('.jp-Cell')?.textContent.includes('rate=30')"
    assert notebook.page.evaluate(focused)


@pytest.mark.long
def test_keep(open_notebook, server, tiny_chat):
    setup = f"{LOAD}\n%xinference connect {server.endpoint}"
    ask = "%%chat -t 0 --compare tiny-gguf,tiny-pt\nHello!"
    notebook = open_notebook([setup, ask])
    notebook.run(0)
    notebook.run(1)
    output = notebook.output(1).first
    expect(output).to_contain_text("continuing with tiny-gguf")
    notebook.screenshot("keep-button", of=notebook.cell(1))
    output.get_by_role("button", name="Keep").click()
    expect(notebook.output(1).first).to_contain_text("continuing with tiny-pt")
    expect(notebook.output(1).first.locator(".xm-keep")).to_have_count(1)
    [saved] = notebook.save().cells[1].outputs
    assert [each["conversation"] for each in saved.data[COMPARISON_MIME]["turns"]] == [None, ""]
