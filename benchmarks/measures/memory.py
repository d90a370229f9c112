"""1,000 turns in one kernel: what stays in memory, and what stays open."""

from __future__ import annotations

import json
from ast import literal_eval
from typing import TYPE_CHECKING

from rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Bench
    from watching import WatchedKernel

TITLE = "1,000 turns in one kernel"
PEER = "displaying and keeping the same"
_TURNS, _WARM = 1_000, 100
_MAY = 1.3  # times what is stored: ids and times differ in each turn, and are shared by its copies
_UID = "llama-200"
_LOOK = """
import asyncio, comm, gc, json, os, psutil, threading
gc.collect()
_process = psutil.Process()
json.dumps({
    "memory": _process.memory_info().rss / 1e6,
    "threads": threading.active_count(),
    "sockets": len(_process.net_connections()),
    "comms": len(comm.get_comm_manager().comms),
    "tasks": len(asyncio.all_tasks(asyncio.get_running_loop())),
})
"""
_SHOW = """
from IPython.display import display as _display, update_display as _update
_display({"text/plain": "is answering"}, raw=True, display_id="d%d")
_update(json.loads(_outputs), raw=True, display_id="d%d")
_kept.append(copy.deepcopy(_answer))
"""


def measure(bench: Bench) -> list[Row]:
    """Run the turns, each in its own cell, and compare them with cells that only display."""
    turns = 100 if bench.quick else _TURNS
    chat = f"%%chat -m {_UID} --once -o _answer\nCount."
    with bench.kernel(bench.scripted.endpoint) as kernel:
        before, after = _grown(kernel, lambda _: chat, turns)
    with bench.kernel(bench.scripted.endpoint) as kernel:
        kernel.watch(chat)
        kernel.watch(
            "import copy, json\n_kept = []\nfrom xinference_magics.display.settled import bundle\n"
            "_outputs = json.dumps(bundle(_answer))"
        )
        plain = _grown(kernel, lambda number: _SHOW % (number, number), turns)
    grown = (after["memory"] - before["memory"]) / turns * 1000
    kept = (plain[1]["memory"] - plain[0]["memory"]) / turns * 1000
    return [
        Row(
            "memory a turn of 1 kB",
            "kB",
            grown,
            {PEER: kept},
            f"<= {_MAY} x turn and outputs as kept",
            grown <= max(_MAY * kept, 1.0),
        ),
        *(
            Row(
                f"{what} left", "", after[what] - before[what], {}, "0", after[what] <= before[what]
            )
            for what in ("threads", "sockets", "comms", "tasks")
        ),
    ]


def _grown(
    kernel: WatchedKernel, cell: Callable[[int], str], turns: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return what is in use after some turns, and after all of them."""
    for number in range(_WARM):
        kernel.watch(cell(number))
    before = _look(kernel)
    for number in range(turns):
        kernel.watch(cell(_WARM + number))
    return before, _look(kernel)


def _look(kernel: WatchedKernel) -> dict[str, float]:
    found: dict[str, float] = json.loads(literal_eval(kernel.value(_LOOK)))
    return found
