"""32 questions at once with `llm.abatch`."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING

from environments import Environment
from rows import Row, ratio

if TYPE_CHECKING:
    from bench import Bench

TITLE = "32 concurrent questions by `llm.abatch`"
AT_ONCE = 32
_LEAST = 0.9


def measure(bench: Bench) -> list[Row]:
    """Ask a server that answers after 200 ms, and a real one."""
    rounds = bench.rounds(15)
    return [
        _row("scripted server, 200 ms", bench.scripted.endpoint, "reply-200", rounds),
        _row(
            "real server, llama.cpp",
            bench.real.endpoint,
            bench.real.models["llama.cpp"],
            bench.rounds(7),
        ),
    ]


def _row(what: str, endpoint: str, uid: str, rounds: int) -> Row:
    package = Environment.of("package")
    found = json.loads(package.run("batch.py", endpoint, uid, str(rounds)).stdout)
    ours, raw = found["ours"], found["raw"]
    return Row(
        what,
        "answers/s",
        AT_ONCE / median(ours),
        {"raw aiohttp": AT_ONCE / median(raw)},
        f">= 0.9 of raw ({ratio(raw, ours):.2f})",
        ratio(raw, ours) >= _LEAST,
    )
