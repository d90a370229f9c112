"""Takes the README's pictures of chat cells: examples/chat.ipynb in JupyterLab, on the tiny models.

``python docs/pictures.py`` starts the private server of ``make demo`` and writes into docs/images.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

import demo  # noqa: E402  # the paths above lead there
from find_browser import find  # noqa: E402
from jupyterlab_driver import Lab  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PICTURES = {
    "picture": "What color is the image?",
    "thinking": "--think",
    "tools": "--tools",
    "compare": "--compare",
}
"""A part of each cell that is shown, by the name of its picture."""
WIDTH, HEIGHT = 900, 760
CELL_MS = 300_000
FOLDED = ("thinking", "tools")


def main() -> None:
    """Run the notebook cell by cell and keep a picture of some."""
    demo.serve()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder))
        shutil.copy(ROOT / "examples" / "chat.ipynb", lab.root)
        lab.start()
        try:
            take(lab)
        finally:
            lab.stop()


def take(lab: Lab) -> None:
    """Open the notebook in a browser, and run it."""
    sources = [cell.source for cell in nbformat.read(lab.root / "chat.ipynb", 4).cells]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
        notebook = lab.open(page, "chat.ipynb", IMAGES)
        for index, cell in enumerate(lab.read_notebook("chat.ipynb").cells):
            if cell.cell_type == "code":
                notebook.run(index, wait=False)
                notebook.wait(index, timeout=CELL_MS)
        page.wait_for_timeout(2000)
        for name, part in PICTURES.items():
            index = next(i for i, source in enumerate(sources) if part in source and "%%" in source)
            if name in FOLDED:
                notebook.output(index).locator("summary").first.click()
            notebook.screenshot(name, of=notebook.cell(index))
        browser.close()


if __name__ == "__main__":
    main()
