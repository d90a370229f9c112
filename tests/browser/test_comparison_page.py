"""Models side by side in JupyterLab: streaming, stopped together, settled, on a narrow page."""

import pytest
from playwright.sync_api import expect

from xinference_magics.chat.comparison import COMPARISON_MIME

pytestmark = pytest.mark.long

SETUP = """\
%load_ext xinference_magics
%xinference connect {}
%config XinferenceMagics.temperature = 0.0
from langchain_core.runnables import RunnableLambda
def fail(text):
    raise ValueError("This chain has no retriever.")
broken = RunnableLambda(fail)"""
COUNT = "%%chat --compare tiny-gguf,broken,tiny-pt\nCount from 1 to 300."
CAPITAL = "%%chat --compare tiny-gguf,tiny-pt\nWhere can we visit in the capital of France?"


def tops(columns):
    return [each.bounding_box()["y"] for each in columns.all()]


def test_columns_stream_stop_settle_and_are_kept(open_notebook, slow_endpoint):
    cells = [SETUP.format(slow_endpoint), COUNT, CAPITAL, "%conversation keep tiny-pt"]
    notebook = open_notebook(cells)
    notebook.run(0)
    notebook.run(1, wait=False)
    columns = notebook.output(1).locator(".xm-column")
    expect(columns).to_have_count(3)
    for column in (columns.nth(0), columns.nth(2)):
        expect(column).to_contain_text("1 2 3 4 5")
    expect(columns.nth(1)).to_contain_text("■ failed: This chain has no retriever.")
    assert notebook.is_running(1)
    notebook.screenshot("comparing")
    notebook.stop_button().click()
    notebook.wait(1)
    for text in ("1 2 3 4 5", "■ stopped", "This chain has no retriever."):
        expect(notebook.output(1).first).to_contain_text(text)
    assert notebook.page.locator(".xm-turn").count() == 0
    notebook.run(2)
    shown = notebook.output(2)
    expect(shown).to_contain_text("continuing with tiny-gguf")
    notebook.screenshot("compared")
    notebook.run(3)
    expect(shown).to_contain_text("continuing with tiny-pt")
    notebook.use_theme("JupyterLab Dark")
    notebook.screenshot("compared-dark")
    notebook.use_theme("JupyterLab Light")
    saved = notebook.save()
    assert "widgets" not in saved.metadata
    [output] = saved.cells[2].outputs
    kept = [each["conversation"] for each in output.data[COMPARISON_MIME]["turns"]]
    assert kept == [None, ""]
    notebook.reload_without_kernel()
    paragraphs = notebook.output(2).locator("p")
    expect(paragraphs).to_have_count(2)
    wide = tops(paragraphs)
    assert wide[0] == pytest.approx(wide[1], abs=2)
    notebook.page.set_viewport_size({"width": 560, "height": 900})
    notebook.page.wait_for_function(
        "() => { const [a, b] = [...document.querySelectorAll('.jp-Notebook-cell')][2]"
        ".querySelectorAll('.jp-OutputArea-output p'); return b.getBoundingClientRect().top >"
        " a.getBoundingClientRect().bottom; }"
    )
    notebook.screenshot("compared-narrow")
