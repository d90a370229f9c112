"""The command reference matches what its script generates from the declarations."""

import importlib.util
import re
from pathlib import Path

import pytest
from test_typed_lines import read_line

from xinference_magics.notebook.commands import COMMANDS, conversing
from xinference_magics.notebook.magics import XinferenceMagics
from xinference_magics.wire.parameters import NAMES

SCRIPT = Path(__file__).parents[2] / "docs" / "reference.py"
EVERY = [*COMMANDS.values(), *conversing.COMMANDS.values()]


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(reference):
    written = reference.PAGE.read_text(encoding="utf-8")
    assert written == reference.page(), "run `make docs-reference`"


def test_every_command_option_and_trait_is_documented(reference):
    page = reference.page()
    for command in EVERY:
        assert f"### `{command.magic} {command.name}" in page
        for option in command.options:
            assert option.positional or option.flags[0] in page
    for name in (*XinferenceMagics.class_trait_names(config=True), *NAMES):
        assert f"\n| `{name}` | " in page


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_every_command_parses_its_examples(command):
    for example in command.examples:
        magic, _, rest = example.splitlines()[0].partition("%")[2].lstrip("%").partition(" ")
        assert command.name in {magic, rest.partition(" ")[0]}
        read_line(magic, rest)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_every_command_has_examples(command):
    assert f"  {command.examples[0].splitlines()[0]}" in command.parser().format_help()


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_help_fits_a_cell(command):
    lines = command.parser().format_help().splitlines()
    assert lines[0].startswith(f"usage: {command.magic} {command.name}")
    assert max(map(len, lines)) <= 100
    assert not re.search(r"%%(?![a-z])", "\n".join(lines))
