"""Every option of every magic, declared once: parser, help and completion read the same table."""

from __future__ import annotations

import argparse
import re
import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError

from xinference_magics.notebook import readers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_WORD = re.compile(r"""\s*((?:(?:^|(?<=[\s=]))(?:"[^"]*"|'[^']*')|\S)+)""")
"""A word; quotes group where they begin one or stand after an equals sign."""
_QUOTED = re.compile(r"""(^|=)("[^"]*"|'[^']*')""")
_SHORTEST = 4
"""Characters, dashes included, that an unknown option needs to be taken for a beginning."""
_NEAR = 0.8
"""How alike (difflib's ratio) an unknown option must be to a known one to count as misspelt."""
_WIDTH = 90
"""Columns of help where the screen does not say how wide it is, as in a notebook."""
_LISTED = 2
"""Choices up to which help leaves them to the placeholder, as in BOOL."""


class Values(Enum):
    """What completes a value that only the server knows; each is called as people see it."""

    MODEL = "model"
    ENGINE = "engine"
    FORMAT = "format"
    SIZE = "size"
    QUANTIZATION = "quantization"
    RUNNING = "running model"
    CHATS = "chat model"
    CONTINUES = "text model"
    LOADING = "loading model"
    WORKER = "worker"
    PARAMETER = "parameter"
    CONVERSATION = "conversation"
    COMPARED = "compared model"


@dataclass(frozen=True)
class Option:
    """One option of a magic.

    Attributes:
        flags: Its spellings, the long one first; a word without dashes is positional, and what
            stands behind it are flags by which the same can be given.
        help: One line for people.
        dest: The name of its value; from the long flag if empty.
        metavar: What stands for the value in help; empty for a switch.
        type: Turns the typed word into the value; raises ValueError for a bad one.
        words: How many words it takes; 0 for a switch.
        const: The value of a switch.
        repeat: Whether it may be given several times; the value is then a list.
        required: Whether it must be given.
        default: The value where it is not given.
        safe_way: For a secret: the safe way to give it. A value that is typed is refused and not
            repeated; the flag alone has the value True.
        values: What completes its value: words, or what the server is asked for.
        listed: Whether its value is a list with commas, each part of which is completed.
    """

    flags: tuple[str, ...]
    help: str
    dest: str = ""
    metavar: str = ""
    type: Callable[[str], Any] = str
    words: int = 1
    const: Any = True
    repeat: bool = False
    required: bool = False
    default: Any = None
    safe_way: str = ""
    values: tuple[str, ...] | Values = ()
    listed: bool = False

    @property
    def name(self) -> str:
        """The name under which the value is found."""
        return self.dest or self.flags[0].lstrip("-").replace("-", "_")

    @property
    def positional(self) -> bool:
        """Whether it is a word without a flag."""
        return not self.flags[0].startswith("-")

    @property
    def shortest(self) -> str:
        """Its letter, or the long flag where it has none."""
        return min(self.flags, key=len)

    @property
    def placeholder(self) -> str:
        """What stands for the value in help; empty for a switch."""
        if self.words == 0:
            return ""
        return self.metavar or self.flags[0].lstrip("-").replace("-", "_").upper()

    @property
    def either_way(self) -> str:
        """The placeholder of a word, and the flags by which the same can be given."""
        flags = ", ".join(self.flags[1:])
        return self.placeholder + (f" or {flags} {self.placeholder}" if flags else "")

    @property
    def explained(self) -> str:
        """The line for people, with the words that are possible and the default."""
        words = self.values if isinstance(self.values, tuple) else ()
        listed = ", ".join(words)
        possible = f" One of {listed}." if len(words) > _LISTED else ""
        default = str(self.default).lower() if isinstance(self.default, bool) else self.default
        left_out = "" if default is None or "default" in self.help else f" Default: {default}."
        return f"{self.help}{possible}{left_out}"

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Declare this option, or this word without a flag, to `parser`."""
        help_text = self.explained.replace("%", "%%")
        names, dest = ([self.name], {}) if self.positional else (self.flags, {"dest": self.name})
        given = {"help": help_text, "default": self.default, **dest, **self._value()}
        parser.add_argument(*names, **given)

    def _value(self) -> dict[str, Any]:
        """Describe to argparse the word itself, or what stands behind the flag."""
        if self.positional:
            one, several = (None, "+") if self.required else ("?", "*")
            nargs = several if self.repeat else one
            return {"metavar": self.either_way, "type": self.type, "nargs": nargs}
        if self.safe_way:
            return {"nargs": "?", "const": True, "type": partial(readers.secret, self.safe_way)}
        if self.words == 0:
            return {"action": "store_const", "const": self.const}
        together = self.words > 1
        return {
            "metavar": tuple(self.placeholder.split()) if together else self.placeholder,
            "nargs": self.words if together else None,
            "action": "append" if self.repeat else "store",
            "type": self.type,
            "required": self.required,
        }


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the screen, within reason."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=help_width())

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Leave the names of options whole."""
        return wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Write the placeholder once: ``-n, --model-name NAME``."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = action.metavar
        placeholder = " ".join(value) if isinstance(value, tuple) else value
        return f"{', '.join(spellings(action.option_strings))} {placeholder}"


def spellings(flags: Sequence[str]) -> list[str]:
    """Return the flags that people need to see: not ``--max_tokens`` beside ``--max-tokens``."""
    return [flag for flag in flags if "_" not in flag or flag.replace("_", "-") not in flags]


def help_width() -> int:
    """Return the columns that help may take."""
    return min(shutil.get_terminal_size((_WIDTH + 2, 0)).columns - 2, _WIDTH)


class HelpRequested(Exception):  # noqa: N818 - it is no error
    """``-h`` was typed; carries the text to show."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises one-line usage errors and never exits."""

    def __init__(
        self, prog: str, description: str, options: Iterable[Option], epilog: str = ""
    ) -> None:
        self.options = tuple(options)
        super().__init__(
            prog=prog,
            usage=f"{prog} {self._usage()}".replace("%", "%%"),
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            add_help=False,
            formatter_class=_Formatter,
        )
        self._positionals.title = "arguments"
        self.add_argument("-h", "--help", action="help", help="Show this help.")
        for option in self.options:
            option.add_to(self)

    def _usage(self) -> str:
        """Name what must be given, and that there is more."""
        words = [option for option in self.options if option.positional]
        needed = [option for option in self.options if option.required and not option.positional]
        parts = [f"{option.shortest} {option.placeholder}" for option in needed]
        parts += [each.placeholder if each.required else f"[{each.placeholder}]" for each in words]
        return " ".join([*parts, "[OPTIONS]"])

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """Take no abbreviation of a short option either; allow_abbrev covers the long ones."""
        found = super()._get_option_tuples(option_string)
        return [each for each in found if option_string.startswith(each[1])]

    @property
    def flags(self) -> list[str]:
        """All spellings of all options."""
        return [flag for option in self.options for flag in option.flags if flag[0] == "-"]

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Read `words`, refusing what is not declared.

        Raises:
            UsageError: A word or its value is not right; the message names the nearest option.
            HelpRequested: Help was asked for.
        """
        arguments, unknown = self.parse_known_args(self.in_place(words))
        if unknown:
            self.error(self.unknown(unknown[0]))
        return arguments

    def in_place(self, words: Sequence[str]) -> list[str]:
        """Put what a flag gives for the first word there: ``--model-uid m`` is ``m``."""
        first = next((option for option in self.options if option.positional), None)
        for place, word in enumerate(words if first else ()):
            flag, equals, value = word.partition("=")
            if first and flag in first.flags[1:]:
                rest = words[place + (1 if equals else 2) :]
                given = [value] if equals else words[place + 1 : place + 2]
                return [*given, *words[:place], *rest]
        return list(words)

    def unknown(self, word: str) -> str:
        """Say that `word` is not known, and what is near it."""
        if not word.startswith("-"):
            secretive = any(option.safe_way for option in self.options)
            return "unexpected words" if secretive else f"unexpected word {word!r}"
        name = word.partition("=")[0]
        near = nearest(name, self.flags)
        return f"no option {name}" + (f"; did you mean {near}?" if near else "")

    def error(self, message: str) -> NoReturn:
        """Raise `message` as a usage error of this command."""
        raise UsageError(f"{self.prog}: {message} (help: {self.prog} -h)")

    def print_help(self, file: Any = None) -> NoReturn:  # noqa: ARG002 - argparse's signature
        """Hand the help to the magic instead of printing it."""
        raise HelpRequested(self.format_help())


def nearest(name: str, flags: Iterable[str]) -> str | None:
    """The flag that `name` was most likely meant to be, if any is near.

    Underscores count as dashes: both spellings of the command line's own options are common.
    """
    by_plain = {flag.replace("_", "-"): flag for flag in flags}
    plain = name.replace("_", "-")
    found = get_close_matches(plain, by_plain, n=1, cutoff=_NEAR)
    longer = [flag for flag in by_plain if len(plain) > _SHORTEST and flag.startswith(plain)]
    return by_plain[(found + longer)[0]] if found or longer else None


def _part_of(name: str, known: Iterable[str]) -> str | None:
    """The known flag of which `name` is a part, as in ``--engine`` for ``--model-engine``."""
    parts = name.strip("-").replace("_", "-").split("-")
    return next((flag for flag in known if _within(parts, flag.strip("-").split("-"))), None)


def _within(parts: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(part in rest for part in parts)


def leading_options(text: str, parser: Parser) -> tuple[list[str], str]:
    """Split `text` into the options it begins with and the rest, untouched.

    ``--`` ends the options. A dash before a digit or a space belongs to the rest.

    Raises:
        UsageError: A word looks like an option and is none.
    """
    words_of = {flag: option.words for option in parser.options for flag in option.flags}
    words_of |= {"-h": 0, "--help": 0}
    words: list[str] = []
    position = 0
    while (match := _WORD.match(text, position)) and re.match(r"--?[A-Za-z]|--$", match[1]):
        flag = match[1]
        position = match.end()
        if flag == "--":
            break
        name, equals, _ = flag.partition("=")
        if name not in words_of:
            parser.error(parser.unknown(name) + "; put '--' before it to send it as text")
        words.append(_unquoted(flag, parser))
        for _ in range(0 if equals else words_of[name]):
            if (match := _WORD.match(text, position)) is None:
                break
            words.append(_unquoted(match[1], parser))
            position = match.end()
    return words, text[position:]


def _unquoted(word: str, parser: Parser) -> str:
    bare = _QUOTED.sub("", word)
    if re.search(r"""(^|=)["']""", bare):
        parser.error("a quote is not closed")  # without the word, which may be a secret
    return _QUOTED.sub(lambda match: match[1] + match[2][1:-1], word)


def extra_pairs(words: Sequence[str], parser: Parser) -> dict[str, Any]:
    """Read undeclared ``--key value`` pairs, refusing those that look misspelt.

    Raises:
        UsageError: A word is no option, has no value, or is close to a declared option.
    """
    extra: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        key, separator, value = word.partition("=")
        if not key.startswith("--"):
            parser.error(parser.unknown(word))
        long_flags = [flag for flag in parser.flags if flag.startswith("--")]
        if near := nearest(key, long_flags) or _part_of(key, long_flags):
            parser.error(
                f"no option {key}; did you mean {near}? (--extra {key[2:]}=VALUE passes it on)"
            )
        value = value if separator else next(rest, "")
        if not value or value.startswith("--"):
            parser.error(f"{key} needs a value")
        extra[key[2:].replace("-", "_")] = readers.literal(value)
    return extra
