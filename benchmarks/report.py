"""Tables on the screen and in the docs, the figures as JSON, and a chart of them."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import picture
from measures import NAMES
from rows import Row, Table, number

from xinference_magics import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCS = Path(__file__).resolve().parents[1] / "docs"
_BEGIN, _END = "<!-- tables -->", "<!-- end of tables -->"
_SIGNS = {True: "reached", False: "**missed**", None: ""}


def as_markdown(table: Table) -> str:
    """Format a table: what was measured, ours, the peers, the target."""
    head = ["", "ours", *table.peers, "target", ""]
    lines = [f"### {table.title}", "", _line(head), _line(["---"] * len(head))]
    lines += [_line(_cells(row, table.peers)) for row in table.rows]
    return "\n".join([*lines, ""])


def _cells(row: Row, peers: list[str]) -> list[str]:
    theirs = [number(row.peers[peer], row.unit) if peer in row.peers else "" for peer in peers]
    return [row.what, number(row.ours, row.unit), *theirs, row.target, _SIGNS[row.reached]]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def keep(found: list[Table]) -> None:
    """Save the results in the docs, next to those of earlier runs for other measures."""
    path = DOCS / "benchmarks.json"
    kept = _read(path)
    kept |= {table.name: {**_machine(), **asdict(table)} for table in found}
    kept = {name: kept[name] for name in NAMES if name in kept}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    tables = [_table(each) for each in kept.values()]
    _into_page(DOCS / "benchmarks.md", tables)
    (DOCS / "images" / "benchmarks.svg").write_text(picture.draw(tables), encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return kept


def _table(kept: dict[str, Any]) -> Table:
    return Table(kept["name"], kept["title"], tuple(Row(**row) for row in kept["rows"]))


def _machine() -> dict[str, Any]:
    """Describe when and on which machine the figures were measured."""
    return {
        "version": __version__,
        "measured": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def _into_page(page: Path, tables: list[Table]) -> None:
    before, _, rest = page.read_text("utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    shown = "\n".join(as_markdown(table) for table in tables)
    page.write_text(f"{before}{_BEGIN}\n\n{shown}\n{_END}{after}", encoding="utf-8")
