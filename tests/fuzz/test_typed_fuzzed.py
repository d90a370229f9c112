"""Lines and prompts as people might type them: understood, or rejected in one line."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xinference_magics.errors import PromptError, XinferenceError
from xinference_magics.notebook.chatting.building import parameters_of
from xinference_magics.notebook.command_line.arguments import HelpRequested
from xinference_magics.notebook.command_line.tokenize import split_line
from xinference_magics.notebook.commands import COMMANDS
from xinference_magics.notebook.commands.command import PromptCommand
from xinference_magics.notebook.commands.conversing import COMMANDS as CONVERSING
from xinference_magics.notebook.prompt.expand import expand
from xinference_magics.plain import as_word

VARIABLES = {"x": "a b", "n": 2, "d": {"k": [1]}, "quote": 'say "it\'s"', "f": lambda x: x}
FLAGS = sorted({flag for command in COMMANDS.values() for flag in command.parser().flags})
WORDS = st.lists(
    st.sampled_from(
        [
            *(" ", "\t", "=", "'", '"', "\\", "#", "--", "-", "?", "{", "}", "$", "$x", "{x}"),
            *("{{n}}", "{{x}}", "{{quote}}", "{d['k']}", "{d['z']}", "{n.real}", "{nope}", "{{"),
            *(
                "1",
                "-1",
                "nan",
                "1e999",
                "true",
                "none",
                "a=b",
                "a=[1",
                "a={}",
                '{"a": 1}',
                "9" * 5000,
            ),
            *("\U000f0000", "\ue000", "\x00", "\x1b[2J", "\n", "\u2028", "é", "[" * 2000),
        ]
    )
    | st.sampled_from(FLAGS)
    | st.text(max_size=5),
    max_size=10,
).map("".join)


class Unusable:
    """A value that cannot be shown."""

    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


def in_one_line(error):
    if isinstance(error, XinferenceError):
        vars(sys).pop("last_value", None)  # %tb would show its whole traceback
        assert len("".join(error._render_traceback_()).splitlines()) == 1
    assert "Traceback" not in str(error)


@given(WORDS, st.none() | WORDS)
@example("-p a=" + "[" * 5000 + " x", None)
@example("-p a=" + "9" * 5000 + " x", None)
def test_options_of_a_chat(line, cell):
    try:
        options, text = COMMANDS["chat"].read(line, cell)
        parameters_of(options)
    except (HelpRequested, XinferenceError) as error:
        in_one_line(error)
        return
    assert text.strip()


@given(st.sampled_from([*COMMANDS.values(), *CONVERSING.values()]), WORDS)
@example(COMMANDS["launch"], "-n a --x " + "[" * 5000)
@example(COMMANDS["launch"], "-n a --n-gpu " + "9" * 5000)
def test_lines_of_commands(command, line):
    try:
        words = split_line(line, "%xinference", VARIABLES)
        command.read(line, None) if isinstance(command, PromptCommand) else command.read(words)
    except (HelpRequested, XinferenceError) as error:
        in_one_line(error)


@given(st.text(min_size=1) | WORDS.map(lambda words: words[:1000]).filter(bool))
def test_any_name_from_a_server_is_one_word_in_a_suggested_line(uid):
    assert split_line(f"use {as_word(uid)} --as x", "%xinference", VARIABLES) == [
        *("use", uid, "--as", "x")
    ]


@given(line=st.text(alphabet="ab \U000f0000\U000f0001x}n", max_size=20))
def test_placeholders_for_values_do_not_clash_with_the_input(line):
    assert split_line(line + " $x {n}", "%x", VARIABLES) == [*line.split(), "a b", "2"]


SOURCES = st.lists(
    st.sampled_from(
        [
            *("x", "n", "d", "f", "(", ")", "[", "]", "{", "}", "{{", "}}", "'", '"', "'''", "\\"),
            *("\\{{", ",", ":", "!r", "+", "-", ".", "=", " ", "\n", "#", "lambda: ", " if ", "0x"),
            *("\x00", "\x0c", "é", "世", "\ud800", "unusable", "nope", " for x in "),
        ]
    ),
    max_size=14,
).map("".join)


@given(SOURCES)
@example("{{" + "-" * 9000 + "1}}")
@example("{{" + "(" * 9000 + "}}")
@example("{{" + "}}" * 4000)
@example("{{'" + "}} " * 3000)
@example("{{unusable}}")
@example("{{[unusable]}}")
@example("{{d['z']}} {{9" + "9" * 5000 + "}}")
def test_prompts_with_expressions(source):
    try:
        prompt = expand(source, {**VARIABLES, "unusable": Unusable()})
    except PromptError as error:
        in_one_line(error)
        return
    assert isinstance(prompt.text, str)


@pytest.mark.parametrize("piece", ["{{n}} ", "\\{{", "{ ", "}} ", "{n} ", "$n "])
def test_long_prompts_are_read_quickly(piece):
    assert expand(piece * (300_000 // len(piece)), VARIABLES)
