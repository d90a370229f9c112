"""Tables and launch progress in JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.long

LAUNCH = """
from xinference_magics.display.views import choose_launch_view
view = choose_launch_view()
view.open("Launching <b>qwen2.5-instruct</b>")
import time
time.sleep(0.2)
view.update("downloading", 0.4, "1 of 2 replicas")
"""
READY = "view.close('ready', ok=True)"
TABLE = """
from xinference_magics.display.tables import Column, Table
rows = [("qwen2.5-instruct", "LLM", 32768, "llama.cpp"), ("<img src=x>", "embedding", 512, None)]
names = ("UID", "type", "context", "engine")
Table(rows, [Column(n, lambda r, i=i: r[i]) for i, n in enumerate(names)], caption="2 models run.")
"""


def test_launch_bar_moves_and_settles_to_a_line(open_notebook):
    notebook = open_notebook([LAUNCH, READY, TABLE])
    notebook.run(0)
    expect(notebook.output(0)).to_contain_text("downloading · 40% · 1 of 2 replicas")
    expect(notebook.output(0)).to_contain_text("Launching <b>qwen2.5-instruct</b>")
    notebook.run(2)
    expect(notebook.output(2).locator("td").nth(4)).to_have_text("<img src=x>")
    notebook.screenshot("launching")
    notebook.run(1)
    expect(notebook.output(0)).to_contain_text("✓ Launching <b>qwen2.5-instruct</b>: ready")
    notebook.use_theme("JupyterLab Dark")
    notebook.screenshot("launched-dark")
    notebook.use_theme("JupyterLab Light")
