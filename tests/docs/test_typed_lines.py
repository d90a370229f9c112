"""The lines that the pages tell people to type work: each magic's parser accepts them."""

import re
import shlex
from pathlib import Path

import pytest

from xinference_magics.errors import UsageError
from xinference_magics.notebook.command_line.arguments import leading_options
from xinference_magics.notebook.commands import COMMANDS, conversing
from xinference_magics.notebook.commands.command import PromptCommand

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^(?:\w+ = |In \[\d+\]: )?%{1,2}(xinference|x?chat|generate|conversation)(.*)$")
INLINE = re.compile(r"`%(xinference|conversation) ([a-z][a-z-]+)")
SETS = {"xinference": COMMANDS, "conversation": conversing.COMMANDS}


def read_line(magic, rest):
    """Parse what follows a magic as the notebook does; raise UsageError if it is invalid."""
    if magic in SETS:
        name, _, rest = rest.strip().partition(" ")
        command = SETS[magic][name]
    else:
        command = COMMANDS[magic.removeprefix("x")]
    if isinstance(command, PromptCommand):
        command.parser().parse(leading_options(rest, command.parser())[0])
    else:
        command.read(shlex.split(rest, comments=True))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_line_of_a_code_block_parses(page):
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in filter(None, map(LINE.match, block.splitlines())):
            read_line(*line.groups())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_prose_exists(page):
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for magic, name in INLINE.findall(prose):
        assert name == "help" or name in SETS[magic], f"%{magic} {name}"


def test_read_line_rejects_unknown_commands_and_options():
    with pytest.raises(UsageError, match="did you mean launch"):
        read_line("xinference", " lanch -n qwen3")
    with pytest.raises(UsageError, match="--tolls"):
        read_line("chat", " --tolls f,g Hello")
