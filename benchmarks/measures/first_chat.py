"""The first `%%chat` in a cold process: the time until the request is sent."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from environments import Environment, Finished
from rows import Row, interleaved

if TYPE_CHECKING:
    from bench import Bench

TITLE = "First `%%chat` after `%load_ext`, cold: time until the request has left"
PEER = "by hand with xinference-client"
_BESIDE = 0.3  # seconds
_UID = "llama-10"
_IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +([\w.]+)")
_SHOWN = 5


def measure(bench: Bench) -> list[Row]:
    """Ask in cold processes, and break down what the time is spent on."""
    package = Environment.of("package")
    ways = {way: partial(_seconds, bench, package, way) for way in ("magic", "client")}
    found = interleaved(ways, bench.rounds(5), warm=1)
    imports = {way: _imports(bench, package, way) for way in ways}
    ours, by_hand = median(found["magic"]), median(found["client"])
    own, theirs = sum(imports["magic"].values()), sum(imports["client"].values())
    largest = imports["magic"].most_common(_SHOWN)
    return [
        Row(
            "until the request has left",
            "s",
            ours,
            {PEER: by_hand},
            "<= its imports + 0.3 s",
            ours <= own + _BESIDE,
        ),
        Row("of it, imports", "s", own, {PEER: theirs}),
        *(
            Row(f"of them, {package}", "s", seconds, {PEER: imports["client"][package]})
            for package, seconds in largest
        ),
    ]


def _run(bench: Bench, package: Environment, way: str, *options: str) -> Finished:
    endpoint = {"XINFERENCE_ENDPOINT": bench.scripted.endpoint}
    return package.run("first_chat.py", way, _UID, options=options, environment=endpoint)


def _seconds(bench: Bench, package: Environment, way: str) -> float:
    begun = float(_run(bench, package, way).stdout.rpartition("begun ")[2])
    asked: float = bench.scripted.log()[-1]["asked"]
    return asked - begun


def _imports(bench: Bench, package: Environment, way: str) -> Counter[str]:
    """Return the seconds that each package takes to import, without its dependencies."""
    runs = [_imported(_run(bench, package, way, "-X", "importtime")) for _ in range(3)]
    return min(runs, key=lambda run: sum(run.values()))


def _imported(finished: Finished) -> Counter[str]:
    found: Counter[str] = Counter()
    for microseconds, module in _IMPORTED.findall(finished.stderr.partition("--begin--")[2]):
        found[module.partition(".")[0]] += int(microseconds) / 1e6
    return found
