"""The time from the click on Stop to the closed socket."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pages
from rows import Row

if TYPE_CHECKING:
    from bench import Bench
    from pages import Page

TITLE = "Stop: from the click to the closed socket"
_CLICKS = 50
_MEDIAN, _WORST = 0.2, 1.0
_UID = "llama-100000-100"
_CLICK = """() => {
  const button = document.querySelector('.xm-stop');
  if (!button || !document.querySelector('.xm-content').textContent.includes('Louvre')) return 0;
  const at = performance.timeOrigin + performance.now();
  button.click();
  return at;
}"""


def measure(bench: Bench) -> list[Row]:
    """Click in the middle of turns."""
    connect = f"%load_ext xinference_magics\n%xinference connect {bench.scripted.endpoint}"
    cells = [connect, f"%%chat -m {_UID} --once\nCount."]
    clicks = 5 if bench.quick else _CLICKS
    with pages.opened(cells) as page:
        page.notebook.run(0)
        seconds = [_stop(bench, page) for _ in range(clicks)]
    middle, worst = median(seconds), max(seconds)
    return [
        Row(f"median of {clicks}", "s", middle, {}, "<= 200 ms", middle <= _MEDIAN),
        Row(f"worst of {clicks}", "s", worst, {}, "<= 1 s", worst <= _WORST),
    ]


def _stop(bench: Bench, page: Page) -> float:
    page.notebook.run(1, wait=False)
    clicked = page.notebook.page.wait_for_function(_CLICK, timeout=60_000).json_value()
    while not (left := bench.scripted.log()[-1]["left"]):
        page.notebook.page.wait_for_timeout(50)
    page.wait(1)
    return float(left - clicked / 1000)
