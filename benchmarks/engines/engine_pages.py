"""What was seen of each engine, kept as docs/engines.json and as tables of two pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine_rows import ROWS
from object_rows import OBJECT_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = DOCS / "engines.json"
BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"


def kept() -> dict[str, Any]:
    """Return what earlier runs have seen, by engine."""
    return json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}


def keep(engine: str, seen: dict[str, Any]) -> None:
    """Write what was seen of an engine beside what earlier runs saw of others."""
    today = datetime.now(UTC).date().isoformat()
    every = dict(sorted((kept() | {engine: {"run": today, **seen}}).items()))
    KEPT.write_text(json.dumps(every, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    into_pages(every)


def into_pages(every: dict[str, Any]) -> None:
    """Put the tables between the marks of both pages."""
    _into_page(DOCS / "engines.md", engine_table(every))
    _into_page(DOCS / "langchain.md", object_table(every))


def engine_table(every: dict[str, Any]) -> str:
    """Return the table of what the engines make of requests, and of how they were run."""
    rows = [
        [row.title, *(_cell(each, "engine", row.title) for each in every.values()), row.done]
        for row in ROWS
    ]
    ran = [[name, *(each["ran"].get(name, "") for each in every.values()), ""] for name in _RAN]
    dates = ["seen on", *(each["run"] for each in every.values()), ""]
    return _table(["", *every, "what is done"], [*rows, *ran, dates])


def object_table(every: dict[str, Any]) -> str:
    """Return the table of what comes out of a `ChatXinference`."""
    rows = [
        [row.title, *(_cell(each, "object", row.title) for each in every.values())]
        for row in OBJECT_ROWS
    ]
    return _table(["", *every], rows)


_RAN = ("model", "Xinference", "library")


def _cell(seen: dict[str, Any], part: str, title: str) -> str:
    return str(seen.get(part, {}).get(title, ""))


def _into_page(page: Path, table: str) -> None:
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
