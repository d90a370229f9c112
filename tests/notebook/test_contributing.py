"""The worked example for contributors works."""

import inspect
import re
import time
from pathlib import Path

import pytest
from test_completion import running_server

from xinference_magics.notebook.commands import COMMANDS
from xinference_magics.notebook.commands.command import THERE, Command

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
FUNCTION, DECLARATION, TEST = re.findall(
    r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture
def server():
    with running_server() as made:
        yield made


def test_the_new_command(shell, server, monkeypatch):
    names = {"time": time, "THERE": THERE, "Command": Command}
    exec(f"from __future__ import annotations\n{FUNCTION}", names)  # noqa: S102 - our own
    command = eval(DECLARATION, names)  # noqa: S307 - our own
    monkeypatch.setitem(COMMANDS, command.name, command)
    exec(TEST, names)  # noqa: S102 - our own
    names["test_ping"](shell, server)


def test_the_modules_that_it_names_are_there():
    from xinference_magics.notebook.commands import connecting

    assert f"`{Path(inspect.getfile(connecting)).relative_to(PAGE.parent)}`" in PAGE.read_text()
    for path in re.findall(r"tests/[\w/]+(?:\.py)?", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / path).exists(), path
