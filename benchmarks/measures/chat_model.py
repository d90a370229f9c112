"""`ChatXinference` alone, in a plain process: rate and CPU of streaming, time to import."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING

from environments import Environment
from rows import Row, interleaved, medians, ratio

if TYPE_CHECKING:
    from bench import Bench

TITLE = "`ChatXinference` in a process of its own, 5,000 chunks"
CHUNKS = 5000
_CORE = "langchain_core.language_models.chat_models"
OURS, OPENAI, TRIVIAL = "ChatXinference", "ChatOpenAI", "trivial chat model"

Found = dict[str, list[tuple[float, float]]]


def measure(bench: Bench) -> list[Row]:
    """Read the same stream in every way, sync and async, and import both models."""
    package = Environment.of("package")
    rounds = str(bench.rounds(7))
    uid = f"llama-{CHUNKS}"
    found = json.loads(package.run("chat_model.py", bench.scripted.endpoint, uid, rounds).stdout)
    rows = [row for kind in ("sync", "async") for row in _rows(kind, found[kind])]
    return [*rows, _imports(package, bench.rounds(5))]


def _rows(kind: str, found: Found) -> list[Row]:
    walls = {name: [wall for wall, _ in turns] for name, turns in found.items()}
    cpus = {name: [cpu for _, cpu in turns] for name, turns in found.items()}
    rates = {name: CHUNKS / median(each) for name, each in walls.items()}
    costs = {name: median(each) * 1e6 / CHUNKS for name, each in cpus.items()}
    faster = ratio(walls[OPENAI], walls[OURS])
    dearer, share = ratio(cpus[OURS], cpus[TRIVIAL]), ratio(cpus[OURS], cpus[OPENAI])
    return [
        Row(
            f"{kind}: rate",
            "chunks/s",
            rates.pop(OURS),
            rates,
            f">= 3.5 x ChatOpenAI ({faster:.1f})",
            faster >= 3.5,  # noqa: PLR2004 - the target
        ),
        Row(
            f"{kind}: CPU for 1,000 chunks",
            "ms",
            costs.pop(OURS),
            costs,
            f"<= 1.25 x trivial ({dearer:.2f}), <= 0.3 x ChatOpenAI ({share:.2f})",
            dearer <= 1.25 and share <= 0.3,  # noqa: PLR2004 - the targets
        ),
    ]


def _imports(package: Environment, rounds: int) -> Row:
    ways = {
        module: lambda module=module: float(package.run("imports.py", module).stdout)
        for module in ("xinference_magics.chat_models", _CORE, "langchain_openai")
    }
    found = interleaved(ways, rounds, warm=1)
    ours, core, theirs = medians(found).values()
    share = ratio(found["xinference_magics.chat_models"], found["langchain_openai"])
    floor = ratio(found[_CORE], found["langchain_openai"])
    target = f"<= 0.5 x ChatOpenAI ({share:.2f}; langchain-core alone {floor:.2f})"
    peers = {"langchain-core alone": core, OPENAI: theirs}
    return Row("import", "s", ours, peers, target, share <= 0.5)  # noqa: PLR2004 - the target
