"""Takes the README's screenshots of chat cells in JupyterLab, with the tiny models.

``python docs/pictures.py`` starts the private server of ``make demo`` and writes into docs/images:
a page of short cells, the last of which is still streaming, cells of examples/chat.ipynb, and a
text beside JupyterLab's own rendering of it (``python docs/pictures.py markdown`` takes only this
one, which needs no server).
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

import demo  # noqa: E402  # on the paths above
from find_browser import find  # noqa: E402
from jupyterlab_driver import Lab  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PICTURES = {
    "picture": "What color is the image?",
    "thinking": "--think",
    "tools": "--tools",
    "compare": "--compare",
}
"""The name of each picture, and a part of the source of the cell that it shows."""
FIRST = [
    "%load_ext xinference_magics\n%config XinferenceMagics.temperature = 0",
    "uid = %xinference launch -n tiny-chat -f ggufv2 -q f16 -u tiny-chat",
    'country = "France"',
    "%%chat\nWhere can we visit in the capital of {{country}}?",
    "%%chat\nShow me a sample of Markdown.",
    "%%chat\nCount from 1 to 300.",
]
SHOWN = "53"  # how far the last cell has counted in the picture
WIDTH, HEIGHT, TALL = 900, 860, 1300
WHOLE = 4000  # pixels of a page on which two long outputs are in sight
CELL_MS = 300_000
FOLDED = ("thinking", "tools")

SINK = ROOT / "tests" / "kitchen_sink.md"
BESIDE = [
    f"from pathlib import Path\ntext = Path({str(SINK)!r}).read_text()",
    "from IPython.display import Markdown\nMarkdown(text)",
    "from synthetic import play\nturn = play(text, rate=5000, title='tiny-chat')",
]
NARROW = 640


def main(*names: str) -> None:
    """Run the cells and take screenshots of some, or only of those that are named."""
    if not names:
        demo.serve()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        shutil.copy(ROOT / "examples" / "chat.ipynb", lab.root)
        lab.start()
        browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        try:
            if not names:
                take_streaming(lab, new_page(browser, TALL))
                take_cells(lab, new_page(browser, HEIGHT))
            take_beside(lab, new_page(browser, WHOLE, NARROW))
        finally:
            browser.close()
            lab.stop()


def new_page(browser: Browser, height: int, width: int = WIDTH) -> Page:
    """Open a page at the resolution of a high-density screen."""
    return browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=2)


def take_streaming(lab: Lab, page: Page) -> None:
    """Take a screenshot of the page while its last cell streams."""
    notebook = lab.open(page, lab.write_notebook("first.ipynb", FIRST), IMAGES)
    last = len(FIRST) - 1
    for index in range(last):
        notebook.run(index)
    notebook.run(last, wait=False)
    notebook.output(last).get_by_text(SHOWN).wait_for(timeout=CELL_MS)
    page.wait_for_function("() => document.querySelectorAll('mjx-container').length >= 2")
    top = notebook.cell(FIRST.index('country = "France"')).bounding_box()
    end = notebook.cell(last).bounding_box()
    area = {"x": top["x"], "y": top["y"], "width": top["width"]}
    page.screenshot(
        path=IMAGES / "cell.png", clip={**area, "height": end["y"] + end["height"] - top["y"]}
    )


def take_cells(lab: Lab, page: Page) -> None:
    """Run the notebook of chat cells and take screenshots of some."""
    cells = lab.read_notebook("chat.ipynb").cells
    notebook = lab.open(page, "chat.ipynb", IMAGES)
    for index, cell in enumerate(cells):
        if cell.cell_type == "code":
            notebook.run(index, wait=False)
            notebook.wait(index, timeout=CELL_MS)
    page.wait_for_timeout(2000)
    for name, part in PICTURES.items():
        index = next(
            i for i, each in enumerate(cells) if part in each.source and "%%" in each.source
        )
        if name in FOLDED:
            notebook.output(index).locator("summary").first.click()
        notebook.screenshot(name, of=notebook.cell(index))


def take_beside(lab: Lab, page: Page) -> None:
    """Take a screenshot of a text as an answer, beside JupyterLab's own rendering."""
    notebook = lab.open(page, lab.write_notebook("beside.ipynb", BESIDE), IMAGES)
    for index in range(len(BESIDE)):
        notebook.run(index)
    page.wait_for_function("() => document.querySelectorAll('mjx-container').length == 2")
    shots = [notebook.output(index).first.screenshot() for index in (1, 2)]
    left, right = (Image.open(io.BytesIO(shot)) for shot in shots)
    both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    both.resize((both.width // 2, both.height // 2)).quantize(128).save(IMAGES / "markdown.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
