"""The cost of a long answer to the page: main thread, stalls, delay, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pages
from environments import PROGRAMS
from rows import Row

if TYPE_CHECKING:
    from bench import Bench
    from pages import Page

TITLE = "The page while 20,000 tokens stream, after 50 settled long turns"
PEER, IDLE = "print", "nothing streams"
_COUNT, _RATE, _HOLD = 20_000, 800, 1_500
_BEFORE, _LONG = 50, 1_000
_STALL, _PAINT, _BUSY = 0.100, 0.100, 1.5
_SETTLED = """for number in range({}):
    get_ipython().run_cell_magic('chat', '-m llama-{} --once', 'Count.')"""

Found = dict[str, float]


def measure(bench: Bench) -> list[Row]:
    """Stream into a page with `%%chat`, then with print, then watch it while nothing happens."""
    count, before = (2_000, 5) if bench.quick else (_COUNT, _BEFORE)
    uid = f"llama-{count}-{_RATE}-{_HOLD}"
    endpoint = bench.scripted.endpoint
    cells = [
        f"import sys\nsys.path.insert(0, {str(PROGRAMS)!r})\nimport live",
        f"%load_ext xinference_magics\n%xinference connect {endpoint}",
        _SETTLED.format(before, _LONG),
        f"%%chat -m {uid} --once\nCount.",
        f"live.printed({endpoint!r}, {uid!r})",
        f"import time\ntime.sleep({count / _RATE})",
    ]
    with pages.opened(cells) as page:
        for index in (0, 1, 2):
            page.notebook.run(index, wait=False)
            page.wait(index)
        names = ("ours", PEER, IDLE)
        found = {name: _stream(bench, page, index) for index, name in enumerate(names, start=3)}
    return _rows(found)


def _stream(bench: Bench, page: Page, index: int) -> Found:
    memory = page.memory()
    page.notebook.page.evaluate(
        "index => jupyterapp.shell.currentWidget.content.scrollToItem(index)", index
    )
    page.notebook.page.wait_for_timeout(1_000)
    answers = len(bench.scripted.log())
    busy = page.main_thread()
    page.watch(index)
    page.notebook.run(index, wait=False)
    watched = _until_last_token(bench, page, index, answers)
    busy = page.main_thread() - busy
    page.watch(index)
    page.wait(index)
    settling = page.watched()["stall"]
    log = bench.scripted.log()
    last = log[-1]["last"] if len(log) > answers else watched["painted"] / 1000
    return {
        "busy": busy,
        "stall": watched["stall"] / 1000,
        "settling": settling / 1000,
        "paint": watched["painted"] / 1000 - last,
        "memory": page.memory() - memory,
    }


def _until_last_token(bench: Bench, page: Page, index: int, answers: int) -> Found:
    """Wait until everything was sent and had time to be painted, or until the cell has ended."""
    while True:
        page.notebook.page.wait_for_timeout(200)
        answered = bench.scripted.log()[answers:]
        if answered and answered[-1]["last"]:
            page.notebook.page.wait_for_timeout(_HOLD // 2)
            return page.watched()
        if not answered and not page.notebook.is_running(index):
            return page.watched()


def _rows(found: dict[str, Found]) -> list[Row]:
    def row(what: str, unit: str, key: str, target: str = "", limit: float | None = None) -> Row:
        figures = {name: each[key] for name, each in found.items()}
        ours = figures.pop("ours")
        if key == "paint":
            del figures[IDLE]
        return Row(what, unit, ours, figures, target, None if limit is None else ours <= limit)

    busy = _BUSY * found[PEER]["busy"]
    return [
        row("main thread busy", "s", "busy", "<= 1.5 x print", busy),
        row("longest stall", "s", "stall", "<= 100 ms", _STALL),
        row("longest stall when it settles", "s", "settling"),
        row("last token to paint", "s", "paint", "<= 100 ms", _PAINT),
        row("memory of the page", "MB", "memory"),
    ]
