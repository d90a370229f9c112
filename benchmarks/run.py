"""Measure the package and its peers, in one run.

    python benchmarks/run.py [--only NAME ...] [--quick]

Each measure prints a table when it is done. A complete run also writes `docs/benchmarks.json`, the
tables in `docs/benchmarks.md`, and the chart `docs/images/benchmarks.svg`; with `--only`, the
other measures there are left unchanged. The peers are installed under `benchmarks/.cache`.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import report
from bench import Bench
from environments import CACHE
from measures import NAMES
from rows import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def tables(names: Iterable[str], *, quick: bool) -> Iterator[Table]:
    """Run measures one after another."""
    with Bench(quick=quick) as bench:
        for name in names:
            module = import_module(f"measures.{name}")
            yield Table(name, module.TITLE, tuple(module.measure(bench)))


def main() -> int:
    """Run the command line; return 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds, to see that it works; nothing is kept"
    )
    options = parser.parse_args()
    os.environ["JUPYTER_PATH"] = str(CACHE / "jupyter")
    found = []
    for table in tables(options.only, quick=options.quick):
        print(report.as_markdown(table), flush=True)
        found.append(table)
    if not options.quick:
        report.keep(found)
    missed = [row for table in found for row in table.rows if row.reached is False]
    print(f"{len(missed)} targets missed." if missed else "All targets reached.")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
