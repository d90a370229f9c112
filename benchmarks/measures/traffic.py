"""Bytes from the kernel to the page while an answer streams, and how they grow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rows import Row

if TYPE_CHECKING:
    from bench import Bench
    from watching import Seen, WatchedKernel

TITLE = "Bytes to the page while an answer streams (MB)"
PEERS = {
    "Markdown at each token": "live.markdown",
    "HTML.value at each token": "live.html",
    "Markdown, 10 a second": "live.markdown_at_times",
    "print": "live.printed",
}
_MOST = 60e6
"""Bytes after which a peer is stopped: it would continue to a gigabyte."""

_LIMIT_MB, _EXPONENT = 0.8, 1.05
_RATES = {2_000: 200, 20_000: 800}
_SIZES, _AT = (1_000, 3_000, 10_000, 30_000, 100_000), 2_000


def measure(bench: Bench) -> list[Row]:
    """Stream short and long answers at the rate of a fast model, then five sizes."""
    with bench.kernel(bench.scripted.endpoint) as kernel:
        sizes = {2_000: 1_000} if bench.quick else _RATES
        rows = [row for count, rate in sizes.items() for row in _rows(bench, kernel, count, rate)]
        return [*rows, _growth(bench, kernel)]


def _rows(bench: Bench, kernel: WatchedKernel, count: int, rate: int) -> list[Row]:
    uid = f"llama-{count}-{rate}"
    ours = kernel.watch(f"%%chat -m {uid} --once\nCount.")
    if ours.status != "ok":
        raise RuntimeError(f"%%chat: {ours}")
    cells = {
        name: f"{function}({bench.scripted.endpoint!r}, {uid!r})"
        for name, function in PEERS.items()
    }
    theirs = {name: _told(kernel.watch(cell, most=_MOST)) for name, cell in cells.items()}
    live = ours.live / 1e6
    judged = count == max(_RATES)
    return [
        Row(
            f"{count:,} tokens at {rate} a second",
            "MB",
            live,
            theirs,
            "<= 0.8 MB" if judged else "",
            live <= _LIMIT_MB if judged else None,
        ),
        Row(f"{count:,} tokens: settled output", "MB", ours.settled / 1e6),
    ]


def _told(seen: Seen) -> float | str:
    return seen.live / 1e6 if seen.status == "ok" else f"> {seen.live / 1e6:.0f} MB, stopped"


def _growth(bench: Bench, kernel: WatchedKernel) -> Row:
    sizes = _SIZES[:3] if bench.quick else _SIZES
    live = [kernel.watch(f"%%chat -m llama-{n}-{_AT} --once\nCount.").live for n in sizes]
    exponent = _slope([math.log(n) for n in sizes], [math.log(each) for each in live])
    return Row(
        f"growth: exponent over {sizes[0]:,} to {sizes[-1]:,} tokens",
        "",
        exponent,
        {},
        "<= 1.05",
        exponent <= _EXPONENT,
    )


def _slope(xs: list[float], ys: list[float]) -> float:
    """Return the slope of a line fitted by least squares."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    return above / sum((a - x) ** 2 for a in xs)
