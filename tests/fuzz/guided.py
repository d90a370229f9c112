"""Run each property test for some seconds on cases that libFuzzer finds: `guided.py SECONDS`.

Failures are saved where hypothesis saves them, so the next run of the test reports them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PATHS = (HERE, HERE.parent / "display" / "test_markdown.py")
DONE = re.compile(r"Done (\d+) runs")


class Collected:
    """The property tests, by node id."""

    def __init__(self):
        self.nodes = []

    def pytest_collection_finish(self, session):
        self.nodes = [each.nodeid for each in session.items if hasattr(each.obj, "hypothesis")]


def run(node, seconds):
    """Run one test; return the number of its cases, or None if it failed, and its output."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "guiding", node]
    done = subprocess.run(
        command,
        env={**os.environ, "FUZZ_SECONDS": seconds, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    cases = DONE.search(said)
    return int(cases[1]) if cases and not done.returncode else None, said


def main(seconds="60"):
    """Run all tests; the exit code is the number of failures."""
    collected = Collected()
    pytest.main(["--collect-only", "-qq", *map(str, PATHS)], plugins=[collected])
    failed = 0
    for node in collected.nodes:
        cases, said = run(node, seconds)
        print(f"{'failed' if cases is None else cases:>8}  {node}", flush=True)
        if cases is None:
            failed += 1
            print(said[-5000:])
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
