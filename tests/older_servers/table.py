"""The results for each server, saved as docs/compatibility.json and as tables on the page."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from environments import RELEASED

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"
WORKS, REFUSED, FLAWED, FAILS = "works", "refused", "flawed", "fails"
SIGNS = {WORKS: "✓", REFUSED: "–", FLAWED: "✗", FAILS: "**no**"}


@dataclass
class Found:
    """The results of a run: servers[version][package], features[title][version][variant]."""

    servers: dict = field(default_factory=dict)
    features: dict = field(default_factory=dict)
    collected: set = field(default_factory=set)
    whole: bool = True

    def note(self, title, version, variant, report):
        """Record the result of a test; a failure in any phase counts."""
        said = dict(report.user_properties)
        outcome = REFUSED if "refused" in said else FLAWED if "flaw" in said else WORKS
        cell = {"outcome": outcome if report.passed else FAILS}
        told = said.get("flaw") or said.get("note") or said.get("refused")
        if report.passed and told:
            cell["said"] = told
        elif not report.passed:
            cell["said"] = str(report.longrepr).strip().splitlines()[-1]
        self.features.setdefault(title, {}).setdefault(version, {})[variant] = cell


def keep(found):
    """Save the results, next to what earlier runs found on other servers."""
    path = DOCS / "compatibility.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    today = datetime.now(UTC).date().isoformat()
    ran = {name: {**each, "run": today} for name, each in found.servers.items()}
    servers = before.get("servers", {}) | ran
    old = before.get("features", {})
    features = {title: old.get(title, {}) | each for title, each in found.features.items()}
    kept = {
        "servers": {name: servers[name] for name in RELEASED if name in servers},
        "features": features,
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    into_page(kept)


def into_page(kept):
    """Insert the tables between the markers on the page."""
    page = DOCS / "compatibility.md"
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n\n".join([_features(kept), *_notes(kept), _servers(kept["servers"])])
    page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


def _features(kept):
    versions = list(kept["servers"])
    rows = [
        [title, *(_cell(cells.get(version, {})) for version in versions)]
        for title, cells in kept["features"].items()
    ]
    return _table(["", *versions], rows)


def _cell(variants):
    """Write one sign for all variants, or one for each."""
    signs = {name: SIGNS[each["outcome"]] for name, each in variants.items()}
    if len(set(signs.values())) <= 1:
        return next(iter(signs.values()), "")
    return ", ".join(f"{name} {sign}" for name, sign in signs.items())


def _notes(kept):
    """Write what servers reported, or do differently, once for all that do so."""
    said = {}
    for title, cells in kept["features"].items():
        for version, variants in cells.items():
            for cell in variants.values():
                if "said" in cell and cell["outcome"] != REFUSED:
                    said.setdefault((title, cell["said"]), dict.fromkeys([]))[version] = None
    lines = [f"* {title}, {', '.join(each)}: {text}" for (title, text), each in said.items()]
    return ["\n".join(lines)] if lines else []


def _servers(servers):
    packages = list(dict.fromkeys(name for each in servers.values() for name in each))
    rows = [[name, *(each.get(name, "") for each in servers.values())] for name in packages]
    return _table(["", *servers], rows)


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
