"""LangChain's standard integration tests, run on a model that was not taught their answers."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from row import Row

from xinference_magics.errors import XinferenceError

if TYPE_CHECKING:
    from asking import Model

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "chat_models" / "test_standard_real.py"
SUITE = f"langchain-tests {version('langchain-tests')}"

_TOOLS = "(tool or agent) and not structured"
_STRUCTURED = "structured or json_mode"
_BAD = ("failure", "error")  # what pytest's report has in a test that did not pass


@dataclass(frozen=True)
class _Outcome:
    """How a test ended; one that the suite skips has none."""

    name: str
    failed: bool


def passed(cls: str, selection: str, model: Model) -> str:
    """Run the tests of a class that match a selection; return how many passed, and which did not.

    Tests that the suite skips, such as those for images, are not counted.

    Raises:
        XinferenceError: They could not be run.
    """
    outcomes = _run(f"{TESTS}::{cls}", selection, model)
    failed = [f"`{each.name}`" for each in outcomes if each.failed]
    count = f"{len(outcomes) - len(failed)} of {len(outcomes)}"
    return f"{count}, not {', '.join(failed)}" if failed else count


def _run(tests: str, selection: str, model: Model) -> list[_Outcome]:
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", tests, "-k", selection, f"--junitxml={report}"),
                *("-q", "--timeout=0", "-p", "no:cacheprovider"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ENDPOINT": model.endpoint,
                "MODEL_UID": model.uid,
                "PYTEST_ADDOPTS": "",  # of a run of tests that has called this
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1):  # 1: some tests failed
            said = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise XinferenceError(f"The standard tests did not run: {''.join(said)}.")
        cases = ET.parse(report).iter("testcase")  # noqa: S314  # pytest's own report
        return [
            _Outcome(case.get("name", ""), any(case.find(it) is not None for it in _BAD))
            for case in cases
            if case.find("skipped") is None
        ]


def _row(title: str, cls: str, selection: str = "test") -> Row:
    return Row(title, partial(passed, cls, selection))


STANDARD_ROWS = (
    _row("messages, streams, usage", "TestRunning", f"not ({_TOOLS}) and not ({_STRUCTURED})"),
    _row("tools and agents", "TestRunning", _TOOLS),
    _row("structured output by its default method, and JSON mode", "TestRunning", _STRUCTURED),
    _row("structured output by `function_calling`", "TestRunningFunctionCalling"),
    _row("structured output by `json_schema`", "TestRunningJsonSchema"),
)
