"""Writes docs/commands.md from the declarations of commands, magics and traits.

``make docs-reference`` runs it; a test compares the page with its result.
"""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import xinference_magics
from xinference_magics import chat, cluster, local_server, media
from xinference_magics.cluster import launching
from xinference_magics.notebook import results
from xinference_magics.notebook.command_line.arguments import spellings
from xinference_magics.notebook.command_line.option import sections_of
from xinference_magics.notebook.commands import COMMANDS, conversing
from xinference_magics.notebook.commands.command import PromptCommand
from xinference_magics.notebook.magics import XinferenceMagics
from xinference_magics.wire.parameters import GenerationParameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xinference_magics.notebook.command_line.option import Option
    from xinference_magics.notebook.commands.command import AnyCommand, CommandSet

PAGE = Path(__file__).with_name("commands.md")
ALIASES = {"Answer": "Turn | Comparison | PendingTurn"}

INTRODUCTION = """\
# Commands and magics

In a notebook, `%xinference` shows where it is connected, what is running, and the commands.
`%xinference help launch`, `%xinference launch -h` and `%xinference launch?` explain one command.
Tab completes commands, options, and values known to the server.

Each command returns a value for code, as in `running = %xinference list` and `running[0].uid`. The
notebook shows the value of a query (`list`, `describe`, `status` and the like), mostly as a table;
`.to_pandas()` turns it into a DataFrame. An action prints what it did instead of showing its value:
`launch` returns the UID, `use` the description of the model, `connect` the connection, `terminate`
what was done and to which model. [Python](python.md#values-of-the-magics) has the classes of these
values.

In the line of a command, `{{expression}}`, `{name}` and `$name` insert values; in a prompt, only
`{{expression}}` does.

This page is generated from the declarations that the commands themselves use.
"""

PARAMETERS = """\
`-p NAME=VALUE` of `%%chat` and `%%generate` sets these. In Python they are fields of
`ChatXinference` and `XinferenceLLM`, and arguments of each call. If you leave one out, the engine
uses its own default.
"""


def page() -> str:
    """Return the page."""
    parts = [
        INTRODUCTION,
        *_commands(COMMANDS),
        "## Conversations: `%conversation`\n",
        *_commands(conversing.COMMANDS),
        "## Parameters of the generation\n",
        PARAMETERS,
        _table(("parameter", "type", ""), _parameters()),
        "## Traits: `%config XinferenceMagics`\n",
        "In a cell, or in `ipython_config.py` as `c.XinferenceMagics.temperature = 0`.\n",
        _table(("trait", "default", ""), _traits()),
    ]
    return "\n".join(parts)


def _commands(commands: CommandSet) -> Iterable[str]:
    for title, group in commands.groups.items():
        if title:
            yield f"## {title}\n"
        for command in group:
            yield from _command(command)


def _command(command: AnyCommand) -> Iterable[str]:
    words = [each for each in command.options if each.positional]
    named = " ".join(
        each.placeholder if each.required else f"[{each.placeholder}]" for each in words
    )
    yield f"### `{command.magic} {command.name}{f' {named}' if named else ''}`\n"
    yield f"{_text(command.help)}{f' {_text(command.note)}' if command.note else ''}\n"
    if isinstance(command, PromptCommand):
        yield (
            f"Also `%{command.name}` and `%%{command.name}`; the rest of the line, or the cell, is "
            "the prompt.\n"
            if command.takes_cell
            else f"Also `%{command.name}`; the rest of the line is the file or expression.\n"
        )
    if command.options:
        yield _table(("", ""), _options(command))
    if words := _returned(command):
        yield f"Returns {' or '.join(words)}.\n"
    if command.examples:
        yield _fenced(command.examples)


def _options(command: AnyCommand) -> Iterable[tuple[str, str]]:
    for title, options in sections_of(command.takes):
        if title and options:
            yield f"**{title}**", ""
        yield from map(_option, options)


def _option(option: Option) -> tuple[str, str]:
    placeholder = f" {option.placeholder}" if option.placeholder else ""
    flags = f"{', '.join(spellings(option.flags))}{placeholder}"
    spelt = option.either_way if option.positional else flags
    needed = " Required." if option.required and not option.positional else ""
    repeated = " May be given several times." if option.repeat else ""
    return f"`{spelt}`", _text(f"{option.explained}{needed}{repeated}")


def _returned(command: AnyCommand) -> list[str]:
    """Return the kinds of values that a command can return."""
    annotation = str(inspect.signature(command.run).return_annotation)
    known = {**_classes(), "str": str, "Path": Path}
    names = ALIASES.get(annotation.removesuffix(" | None"), annotation).split(" | ")
    return [_word(known[name]) for name in names if name not in {"None", "Any"}]


def _classes() -> dict[str, type]:
    """Map the names of all classes that commands may return to the classes."""
    modules = [
        import_module(found.name)
        for room in (chat, cluster, launching, local_server, media, results)
        for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")
    ]
    return {
        name: kind for each in modules for name, kind in inspect.getmembers(each, inspect.isclass)
    }


def _word(kind: type) -> str:
    if issubclass(kind, list):
        [base] = kind.__orig_bases__
        return f"a list of {_word(get_args(base)[0])}"
    name = kind.__name__
    if not kind.__module__.startswith("xinference_magics."):
        return f"`{name}`"
    place = "xinference_magics" if name in xinference_magics.__all__ else kind.__module__
    return f"[`{name}`](python.md#{place}.{name})"


def _fenced(examples: Iterable[str]) -> str:
    """Show each example in a separate block, since each belongs in a separate cell."""
    return "\n".join(f"```python\n{example}\n```\n" for example in examples)


def _parameters() -> Iterable[tuple[str, str, str]]:
    for name, field in GenerationParameters.model_fields.items():
        kind = GenerationParameters.__annotations__[name].removesuffix(" | None")
        yield f"`{name}`", f"`{kind}`".replace(" | ", "` or `"), _text(field.description or "")


def _traits() -> Iterable[tuple[str, str, str]]:
    for name, trait in sorted(XinferenceMagics.class_traits(config=True).items()):
        yield f"`{name}`", f"`{trait.default_value!r}`", _text(trait.help)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _text(text: str) -> str:
    """Escape the characters that Markdown would interpret."""
    for sign in ("|", "*", "_", "<", "{"):
        text = text.replace(sign, f"\\{sign}")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
