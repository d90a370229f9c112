"""The worked examples for contributors work."""

import inspect
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_completion import running_server

from xinference_magics.notebook.command_line.option import Option, given
from xinference_magics.notebook.command_line.readers import count
from xinference_magics.notebook.commands import COMMANDS
from xinference_magics.notebook.commands.command import Command, ThereOptions

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
ROOT = PAGE.parent
TEXT = PAGE.read_text(encoding="utf-8")
FUNCTION, DECLARATION, OPTIONS, TEST, OPTION_TEST = re.findall(
    r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL
)
CHANGE = re.compile(
    r"`(xinference_magics/[\w/]+\.py)`.*?^```diff\n(.*?)^```", re.MULTILINE | re.DOTALL
)
UNMEASURED = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}


@pytest.fixture
def server():
    with running_server() as made:
        yield made


def test_the_new_command(shell, server, monkeypatch):
    names = {"time": time, "ThereOptions": ThereOptions, "Command": Command}
    exec(f"from __future__ import annotations\n{FUNCTION}", names)  # noqa: S102 - our own
    command = eval(DECLARATION, names)  # noqa: S307 - our own
    monkeypatch.setitem(COMMANDS, command.name, command)
    exec(TEST, names)  # noqa: S102 - our own
    names["test_ping"](shell, server)


def test_the_options_of_the_new_command():
    names = {"ThereOptions": ThereOptions, "Option": Option, "given": given, "count": count}
    exec(f"from dataclasses import dataclass\n{OPTIONS}", names)  # noqa: S102 - our own
    command = Command("ping", "", lambda _session, options: options.count, names["PingOptions"])
    assert command(None, ["-c", "3"]) == 3


@pytest.fixture
def copy(tmp_path):
    """A copy of the package and its tests, to be changed."""
    for name in ("xinference_magics", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "artifacts")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_the_new_option(copy):
    """Works even if somebody followed the page and made the change in the tree itself."""
    changes = CHANGE.findall(TEXT.partition("## Another example")[2])
    assert len(changes) == 2
    for path, diff in changes:
        file = copy / path
        text, lines = file.read_text(encoding="utf-8"), diff.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] == " ")
        after = "".join(line[1:] for line in lines)
        assert text.count(before) == 1, path
        file.write_text(text if after in text else text.replace(before, after))
    tests = copy / "tests" / "notebook" / "test_chat_options.py"
    text = tests.read_text(encoding="utf-8")
    tests.write_text(text if OPTION_TEST in text else f"{text}\n\n{OPTION_TEST}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:anyio", "-k", "seed", tests],
        cwd=copy,
        env={**UNMEASURED, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_modules_named_on_the_page_exist():
    import xinference_magics
    from xinference_magics.notebook.commands import connecting

    installed = Path(xinference_magics.__file__).parents[1]
    assert f"`{Path(inspect.getfile(connecting)).relative_to(installed)}`" in TEXT
    for path in re.findall(r"tests/[\w/]+(?:\.py)?", TEXT):
        assert (ROOT / path).exists(), path
