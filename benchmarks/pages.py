"""A JupyterLab in a real browser, with instruments that measure the page from inside."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environments import HERE

sys.path.insert(0, str(HERE.parent / "tests" / "browser"))
from find_browser import REMEDY, find
from jupyterlab_driver import Lab
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterlab_driver import Notebook
    from playwright.sync_api import Browser, CDPSession

_ERROR = "[data-mime-type='application/vnd.jupyter.error']"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
_WATCH = """index => {
  const bench = window.bench = { stall: 0, painted: 0 };
  const frames = new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) bench.stall = Math.max(bench.stall, duration);
  });
  frames.observe({ type: 'long-animation-frame' });
  const cell = document.querySelectorAll('.jp-Notebook-cell')[index];
  const isText = ({ target }) => {
    const element = target.closest ? target : target.parentElement;
    return !element?.closest('.xm-head');
  };
  const painted = () => { bench.painted = performance.timeOrigin + performance.now(); };
  const texts = new MutationObserver(records => {
    if (records.some(isText)) requestAnimationFrame(() => setTimeout(painted));
  });
  const output = cell.querySelector('.jp-Cell-outputWrapper');
  texts.observe(output, { childList: true, characterData: true, subtree: true });
  bench.end = () => { frames.disconnect(); texts.disconnect(); };
}"""


class Page:
    """A notebook that is open in the browser, with the metrics of its page."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self._devtools: CDPSession = notebook.page.context.new_cdp_session(notebook.page)
        self._devtools.send("Performance.enable")

    def main_thread(self) -> float:
        """Return how many seconds the page's main thread has been busy so far."""
        return self._metrics()["TaskDuration"]

    def memory(self) -> float:
        """Return the megabytes of JavaScript objects after garbage collection."""
        self._devtools.send("HeapProfiler.collectGarbage")
        return self._metrics()["JSHeapUsedSize"] / 1e6

    def _metrics(self) -> dict[str, float]:
        found = self._devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found}

    def watch(self, index: int) -> None:
        """Start watching for long frames, and for text that is painted in a cell's output."""
        self.notebook.page.evaluate("() => window.bench?.end()")
        self.notebook.page.evaluate(_WATCH, index)

    def watched(self) -> dict[str, float]:
        """Return the longest frame in milliseconds, 0 if none took 50, and the last paint."""
        found: dict[str, float] = self.notebook.page.evaluate(
            "() => ({ stall: window.bench.stall, painted: window.bench.painted })"
        )
        return found

    def wait(self, index: int) -> None:
        """Wait until a cell has run.

        Raises:
            RuntimeError: The cell failed.
        """
        self.notebook.wait(index)
        if self.notebook.cell(index).locator(_ERROR).count():
            raise RuntimeError(self.notebook.output(index).last.inner_text())


@contextmanager
def opened(cells: list[str]) -> Iterator[Page]:
    """Open a new notebook in a new JupyterLab and browser."""
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        lab = Lab(Path(folder))
        lab.start()
        try:
            page = browser.new_page(viewport={"width": 1000, "height": 760})
            path = lab.write_notebook("bench.ipynb", cells)
            notebook: Any = lab.open(page, path, Path(folder))
            yield Page(notebook)
        finally:
            lab.stop()


@contextmanager
def _browser() -> Iterator[Browser]:
    path = find()
    if path is None:
        raise RuntimeError(REMEDY)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()
