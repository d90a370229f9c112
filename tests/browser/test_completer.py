"""Tab in JupyterLab opens the completer with names known to the server."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.long

CONNECT = """
import os
os.environ["XINFERENCE_ENDPOINT"] = {endpoint!r}
%load_ext xinference_magics
%xinference list
"""


def tab(notebook, index, *, words):
    """Press Tab at the end of a cell, repeatedly until the server has answered."""
    completer = notebook.page.locator(".jp-Completer:visible")
    notebook.cell(index).locator(".cm-content").click()
    notebook.page.keyboard.press("Control+End")
    for _ in range(10):
        notebook.page.keyboard.press("Tab")
        notebook.page.wait_for_timeout(1500)
        if completer.count():
            break
    for word in words:
        expect(completer).to_contain_text(word)
    return completer


def test_names_and_options_are_offered(open_notebook, server, tiny_registered):
    lines = ["%xinference launch -n tiny", "%%chat --"]
    notebook = open_notebook([CONNECT.format(endpoint=server.endpoint), *lines])
    notebook.run(0)
    completer = tab(notebook, 1, words=("tiny-chat", "tiny-text", "tiny-think", "model"))
    notebook.screenshot("completer-names")
    completer.get_by_text("tiny-text").click()
    expect(notebook.cell(1).locator(".cm-content")).to_have_text("%xinference launch -n tiny-text")
    notebook.use_theme("JupyterLab Dark")
    tab(notebook, 2, words=("--temperature", "--max-tokens", "option"))
    notebook.screenshot("completer-options-dark")
    notebook.use_theme("JupyterLab Light")
