"""A JupyterLab in a real browser, with what measures the page from inside."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environments import HERE

sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))
from find_browser import REMEDY, find
from jupyterlab_driver import Lab
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterlab_driver import Notebook
    from playwright.sync_api import Browser, CDPSession

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
_WATCH = """() => {
  const now = () => performance.timeOrigin + performance.now();
  window.bench = { stall: 0, painted: 0, length: 0, before: now() };
  const area = document.querySelectorAll('.jp-Notebook-cell')[INDEX];
  const look = () => {
    const { bench } = window, at = now();
    bench.stall = Math.max(bench.stall, at - bench.before);
    bench.before = at;
    const live = area.querySelector('.jp-OutputArea');
    const length = live ? live.textContent.length : 0;
    if (length > bench.length + 20) bench.painted = at;  // more than the figures in the header
    bench.length = Math.max(length, bench.length);
    bench.frame = requestAnimationFrame(look);
  };
  look();
}"""


class Page:
    """A notebook that is open in the browser, and its page's own accounts."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self._devtools: CDPSession = notebook.page.context.new_cdp_session(notebook.page)
        self._devtools.send("Performance.enable")

    def main_thread(self) -> float:
        """Return the seconds that the page's main thread was busy so far."""
        return self._metrics()["TaskDuration"]

    def memory(self) -> float:
        """Return the megabytes of JavaScript objects, after garbage was collected."""
        self._devtools.send("HeapProfiler.collectGarbage")
        return self._metrics()["JSHeapUsedSize"] / 1e6

    def _metrics(self) -> dict[str, float]:
        found = self._devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found}

    def watch(self, index: int) -> None:
        """Look at each frame from now on at how long it took, and at the output of a cell."""
        self.notebook.page.evaluate(_WATCH.replace("INDEX", str(index)))

    def watched(self) -> dict[str, float]:
        """Return the longest frame in milliseconds, and when text was last painted."""
        found: dict[str, float] = self.notebook.page.evaluate("() => window.bench")
        return found

    def end_watch(self) -> None:
        """Look no more."""
        self.notebook.page.evaluate("() => cancelAnimationFrame(window.bench.frame)")


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
