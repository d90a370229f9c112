"""`%load_ext` in a cold process: seconds, modules, memory."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING

from environments import Environment, NotInstalledError
from rows import Row, ratio

if TYPE_CHECKING:
    from bench import Bench

TITLE = "`%load_ext` in a cold process"
OURS = "xinference_magics"
PEERS = {
    "jupyter-ai-magics": "jupyter_ai_magics",
    "jupyter-ai-magic-commands": "jupyter_ai_magic_commands",
    "jupysql": "sql",
    "ipython-gpt": "ipython_gpt",
}
_LIMIT = 0.05
_AI, _AI_TIMES = ("jupyter-ai-magics", "jupyter-ai-magic-commands"), 10

Loads = dict[str, list[dict[str, float]]]


def measure(bench: Bench) -> list[Row]:
    """Load each extension in turn, in separate processes."""
    environments, missing = _environments()
    loads: Loads = {name: [] for name in environments}
    for number in range(1 + bench.rounds(5)):
        for name, environment in environments.items():
            extension = OURS if name == "package" else PEERS[name]
            found = json.loads(environment.run("load.py", extension).stdout.splitlines()[-1])
            if number:  # the first run fills the disk cache and compiles
                loads[name].append(found)
    ours = loads.pop("package")

    def figures(key: str) -> tuple[float, dict[str, float | str]]:
        theirs = {name: median(each[key] for each in of) for name, of in loads.items()}
        return median(each[key] for each in ours), theirs | missing

    target = "<= 0.05 s, 10 x faster than jupyter-ai's, faster than jupysql"
    return [
        Row("time", "s", *figures("seconds"), target, _reached(ours, loads)),
        Row("modules imported", "", *figures("modules")),
        Row("memory", "MB", *figures("megabytes")),
    ]


def _environments() -> tuple[dict[str, Environment], dict[str, str]]:
    found, missing = {"package": Environment.of("package")}, {}
    for name in PEERS:
        try:
            found[name] = Environment.of(name)
        except NotInstalledError as error:
            missing[name] = f"not installed: {error}"
    return found, missing


def _reached(ours: list[dict[str, float]], loads: Loads) -> bool:
    """Return whether the targets are reached; a peer that is not installed sets none."""
    mine = [each["seconds"] for each in ours]
    slower = {name: 1 / ratio(mine, [each["seconds"] for each in of]) for name, of in loads.items()}
    return (
        median(mine) <= _LIMIT
        and all(slower.get(name, _AI_TIMES) >= _AI_TIMES for name in _AI)
        and slower.get("jupysql", 1) >= 1
    )
