"""Observations of each engine, saved as docs/engines.json and as tables on two pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parts import Part

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = DOCS / "engines.json"
RAN = {
    "model": "model",
    "server": "Xinference",
    "library": "library",
    "suite": "tests",
    "day": "seen on",
}
"""The last rows of each table: how the observations were made."""


def kept() -> dict[str, Any]:
    """Return the observations of earlier runs: by part and engine, `ran` and `rows`."""
    every: dict[str, Any] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    return every


def keep(part: str, engine: str, seen: dict[str, Any]) -> None:
    """Save the observations of an engine next to those of others from earlier runs."""
    every = kept()
    every[part] = dict(sorted({**every.get(part, {}), engine: seen}.items(), key=_engine))
    KEPT.write_text(json.dumps(every, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = DOCS / PARTS[part].page
    begin, end = f"<!-- table: {part} -->", f"<!-- end of table: {part} -->"
    before, _, rest = page.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    table = table_of(PARTS[part], every[part])
    page.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}", encoding="utf-8")


def table_of(part: Part, engines: dict[str, Any]) -> str:
    """Return a part's table: a row for each question, a column for each engine."""
    done = any(row.done for row in part.rows)
    rows = [
        [row.title, *(each["rows"].get(row.title, "") for each in engines.values()), row.done]
        for row in part.rows
    ]
    rows += [
        [title, *(each["ran"].get(name, "") for each in engines.values()), ""]
        for name, title in RAN.items()
        if any(each["ran"].get(name) for each in engines.values())
    ]
    head = ["", *engines, "what is done"]
    return _table([line if done else line[:-1] for line in (head, *rows)])


def _engine(item: tuple[str, Any]) -> str:
    return item[0].casefold()


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *rows = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))
