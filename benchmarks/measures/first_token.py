"""Time to the first token and in total for `%%chat` on a real server, as a page sees it."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rows import Row, ratio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Bench
    from watching import Seen, WatchedKernel

TITLE = "`%%chat` on a real server, as a page sees it"
PEER = "xinference-client, print, flushed"
PROMPT = "Count from 1 to 300."
_FIRST, _TOTAL, _SETTLING = 0.020, 1.05, 1.0
_LONG = 18_000  # tokens: 100 kB


def measure(bench: Bench) -> list[Row]:
    """Ask both engines in turn with the peer, and settle a long answer from the scripted server."""
    rows = []
    with bench.kernel(bench.real.endpoint) as kernel:
        for engine, uid in bench.real.models.items():
            rows += _rows(engine, *_turns(bench, kernel, uid))
    with bench.kernel(bench.scripted.endpoint) as kernel:
        cell = f"%%chat -m llama-{_LONG} --once\nCount."
        seen = [kernel.watch(cell) for _ in range(1 + bench.rounds(5))][1:]
        settling = median(each.idle - each.last for each in seen)
    row = Row("settling 100 kB of Markdown", "s", settling, {}, "<= 1 s", settling <= _SETTLING)
    return [*rows, row]


def _turns(bench: Bench, kernel: WatchedKernel, uid: str) -> tuple[list[Seen], list[Seen]]:
    printed = f"live.flushed({bench.real.endpoint!r}, {uid!r}, {PROMPT!r})"
    kernel.watch(f"%xinference use {uid}")
    cells = {"ours": f"%%chat --once -t 0 --max-tokens 512\n{PROMPT}", "theirs": printed}
    seen: dict[str, list[Seen]] = {"ours": [], "theirs": []}
    for count in range(1 + bench.rounds(11)):
        for name, cell in list(cells.items())[:: 1 if count % 2 else -1]:
            shown = kernel.watch(cell)
            if count:
                seen[name].append(shown)
    return seen["ours"], seen["theirs"]


def _rows(engine: str, ours: list[Seen], theirs: list[Seen]) -> list[Row]:
    def both(of: Callable[[Seen], float]) -> tuple[list[float], list[float]]:
        return list(map(of, ours)), list(map(of, theirs))

    first, their_first = both(lambda seen: seen.first)
    last, their_last = both(lambda seen: seen.last)
    later = median(mine - their for mine, their in zip(first, their_first, strict=True))
    longer = ratio(last, their_last)
    return [
        Row(
            f"{engine}: first token",
            "s",
            median(first),
            {PEER: median(their_first)},
            f"<= 20 ms later ({later * 1000:+.0f} ms)",
            later <= _FIRST,
        ),
        Row(
            f"{engine}: last token",
            "s",
            median(last),
            {PEER: median(their_last)},
            f"<= 1.05 x ({longer:.2f})",
            longer <= _TOTAL,
        ),
    ]
