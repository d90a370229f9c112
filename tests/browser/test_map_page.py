"""`%%map` in JupyterLab: the line with its bar and last rows, Stop, and the table that stays."""

import pytest
from playwright.sync_api import expect
from rows_server import RowsServer

pytestmark = pytest.mark.long

SETUP = """\
%load_ext xinference_magics
from xinference_magics import ChatXinference
llm = ChatXinference({!r}, "tiny", api_key="", engine="llama.cpp")
reviews = [{{"text": f"<b>Review</b> {{n}}", "n": n}} for n in range(2000)]"""
MAP = "%%map reviews -m llm -o labelled --concurrency 4\nHow does the author feel? {{text}}"


@pytest.fixture(scope="module")
def rows_server():
    with RowsServer(lambda prompt, _: f"*{prompt[-4:]}* is <i>good</i>", delay=0.05) as made:
        yield made


def test_a_run_shows_how_far_it_is_stops_and_leaves_a_table(open_notebook, rows_server):
    notebook = open_notebook([SETUP.format(rows_server.endpoint), MAP, "len(labelled)"])
    notebook.run(0)
    notebook.run(1, wait=False)
    output = notebook.output(1)
    view = output.locator(".xm-launch")
    expect(view).to_contain_text("of 2,000 rows")
    expect(view).to_contain_text("rows/s")
    expect(view).to_contain_text("4 at once")
    expect(view.locator(".xm-row")).to_have_count(5)
    expect(view.locator(".xm-row-prompt").first).to_contain_text("<b>Review</b>")
    expect(view.get_by_role("progressbar")).to_have_count(1)
    for theme in ("Dark", "Light"):
        notebook.use_theme(f"JupyterLab {theme}")
        notebook.screenshot(f"map-running-{theme.lower()}", of=notebook.cell(1))
    button = view.locator(".xm-cancel")
    expect(button).to_have_text("Stop")
    button.click()
    notebook.wait(1)
    table = output.locator("table")
    expect(table).to_contain_text("is <i>good</i>")
    expect(output.first).to_contain_text("not reached")
    expect(notebook.page.locator(".xm-launch")).to_have_count(0)
    notebook.screenshot("map-stopped", of=notebook.cell(1))
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("2000")
    notebook.save()
    notebook.reload_without_kernel()
    expect(notebook.output(1).locator("table")).to_contain_text("is <i>good</i>")
    notebook.assert_harmless()
