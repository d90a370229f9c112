"""Parse the words of a line into the typed options of a command.

Only this module, `option` and `readers` depend on argparse.
"""

from __future__ import annotations

import argparse
import re
import shutil
from difflib import get_close_matches
from itertools import combinations
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from xinference_magics.errors import UsageError
from xinference_magics.notebook.command_line import readers
from xinference_magics.notebook.command_line.option import options_of, sections_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xinference_magics.notebook.command_line.option import Option

Options = TypeVar("Options")

_WORD = re.compile(r"""\s*((?:(?:^|(?<=[\s=]))(?:"[^"]*"|'[^']*')|\S)+)""")
"""A word; quotes group at its start or after an equals sign."""
_QUOTED = re.compile(r"""(^|=)("[^"]*"|'[^']*')""")
_LONG = re.compile(r"--[A-Za-z][\w.-]*")
"""A long option as users type one; a value may contain spaces."""
_NEEDS = re.compile(r": expected (?P<count>one|\d+) arguments?$")
"""How argparse ends to say that an option has too few words."""
_REQUIRED = "the following arguments are required: "
"""How argparse begins to say what is missing."""
_MAX_EXACT_CHARS = 4
"""An unknown option counts as a prefix only if it is longer than this, dashes included."""
_MIN_SIMILARITY = 0.8
"""Similarity (difflib's ratio) to a known option at which an unknown one counts as misspelt."""
_WIDTH = 90
"""Maximum width of help in columns, also used if the screen reports none, as in a notebook."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """A help formatter as wide as the screen, up to a limit."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=help_width())

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Wrap without breaking option names at their hyphens."""
        return wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Write the placeholder once: ``-n, --model-name NAME``."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = action.metavar
        placeholder = " ".join(value) if isinstance(value, tuple) else value
        return f"{', '.join(spellings(action.option_strings))} {placeholder}"


def spellings(flags: Sequence[str]) -> list[str]:
    """Return the flags worth showing: ``--max-tokens`` hides its alias ``--max_tokens``."""
    return [flag for flag in flags if "_" not in flag or flag.replace("_", "-") not in flags]


def help_width() -> int:
    """Return the width of help in columns."""
    return min(shutil.get_terminal_size((_WIDTH + 2, 0)).columns - 2, _WIDTH)


class HelpRequested(Exception):  # noqa: N818 - not an error
    """Raised for ``-h``; carries the help text to show."""


class Parser(argparse.ArgumentParser, Generic[Options]):
    """An argument parser that raises one-line usage errors and never exits.

    Args:
        prog: The command, as typed.
        description: What it does, in one line.
        kind: The dataclass whose fields declare its options.
        epilog: Shown below the options in help.
    """

    def __init__(self, prog: str, description: str, kind: type[Options], epilog: str = "") -> None:
        self._kind = kind
        self.options = options_of(kind)
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
        *sections, (title, rest) = sections_of(kind)
        for heading, options in sections:
            self._add(self.add_argument_group(heading), options)
        others = self.add_argument_group(title) if title else self
        others.add_argument("-h", "--help", action="help", help="Show this help.")
        self._add(others, rest)

    def _add(self, group: argparse._ActionsContainer, options: Iterable[Option]) -> None:
        for option in options:
            option.add_to(self if option.positional else group)

    def _usage(self) -> str:
        """Return the usage line: required options, positional arguments and ``[OPTIONS]``."""
        words = [option for option in self.options if option.positional]
        needed = [option for option in self.options if option.required and not option.positional]
        parts = [
            f"{'' if option.leading else f'{option.shortest} '}{option.placeholder}"
            for option in needed
        ]
        parts += [each.placeholder if each.required else f"[{each.placeholder}]" for each in words]
        return " ".join([*parts, "[OPTIONS]"])

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """Reject abbreviated short options, too; `allow_abbrev` only covers long ones."""
        found = super()._get_option_tuples(option_string)
        return [each for each in found if option_string.startswith(each[1])]

    @property
    def flags(self) -> list[str]:
        """All spellings of all options."""
        return [flag for option in self.options for flag in option.flags if flag[0] == "-"]

    def parse(self, words: Sequence[str], **others: Any) -> Options:
        """Parse `words`, rejecting undeclared options unless one option collects them.

        Args:
            words: The words after the command.
            others: Fields of the options that are not set on the line.

        Raises:
            UsageError: A word or its value is invalid; the message names the nearest option.
            HelpRequested: Help was requested.
        """
        taker = next((option for option in self.options if option.undeclared), None)
        self._reject_unknown(words, passes=taker is not None)
        self._reject_repeated(words)
        namespace, unknown = self.parse_known_args(self.in_place(words))
        values = vars(namespace)
        for option in self.options:
            if option.words > 1 and values[option.name]:
                values[option.name] = [tuple(words) for words in values[option.name]]
        if taker is not None:
            forced = {key.replace("-", "_"): value for key, value in values[taker.name] or ()}
            values[taker.name] = {**extra_pairs(unknown, self), **forced}
        elif unknown:
            self.error(self.unknown(unknown[0]))
        return self._kind(**values, **others)

    def reject_contradictions(self, words: Sequence[str]) -> None:
        """Reject flags that set the same value differently, such as --think and --no-think.

        Raises:
            UsageError: Two such flags are given.
        """
        typed = [each for each in self.options if each.words == 0 and {*each.flags} & {*words}]
        for first, second in combinations(typed, 2):
            if first.name == second.name:
                self.error(
                    f"{first.flags[0]} and {second.flags[0]} contradict each other: leave one out"
                )

    def _reject_unknown(self, words: Sequence[str], *, passes: bool) -> None:
        """Reject unknown options before argparse reports what is missing because of them.

        Args:
            words: The words after the command.
            passes: Whether undeclared options are passed on, unless they look misspelt.
        """
        for word in words:
            name = word.partition("=")[0]
            if not _LONG.fullmatch(name) or name in {*self.flags, "--help"}:
                continue
            if not passes:
                self.error(self.unknown(word))
            if near := self._nearest_long(name):
                rest = f"(--extra {name[2:]}=VALUE passes it on)"
                self.error(f"no option {name}; did you mean {near}? {rest}")

    def _reject_repeated(self, words: Sequence[str]) -> None:
        """Reject an option that is given twice, of which argparse would ignore the first."""
        names = [word.partition("=")[0] for word in words]
        for option in self.options:
            given = [name for name in names if name in option.flags]
            if len(given) > 1 and option.words and not option.repeat:
                self.error(f"{given[-1]} is given twice")

    def _nearest_long(self, name: str) -> str | None:
        long_flags = [flag for flag in self.flags if flag.startswith("--")]
        return nearest(name, long_flags) or _part_of(name, long_flags)

    def in_place(self, words: Sequence[str]) -> list[str]:
        """Move a first word that is given by flag to the front: ``--model-uid m`` becomes ``m``.

        The word for a leading option gets its flag: ``launch m`` becomes ``launch -n m``.
        """
        leading = next((option for option in self.options if option.leading), None)
        if leading and words and not words[0].startswith("-"):
            flag = next((each for each in words if each.partition("=")[0] in leading.flags), None)
            if flag is not None:
                self.error(f"{leading.placeholder} is given twice: {words[0]} and {flag}")
            return [leading.shortest, *words]
        first = next((option for option in self.options if option.positional), None)
        for place, word in enumerate(words if first else ()):
            flag, equals, value = word.partition("=")
            if first and flag in first.flags[1:]:
                rest = words[place + (1 if equals else 2) :]
                given = [value] if equals else words[place + 1 : place + 2]
                return [*given, *words[:place], *rest]
        return list(words)

    def unknown(self, word: str) -> str:
        """Return the error message for an unknown `word`, suggesting the nearest option."""
        if not word.startswith("-"):
            secretive = any(option.safe_way for option in self.options)
            return "unexpected words" if secretive else f"unexpected word {word!r}"
        name = word.partition("=")[0]
        near = self._nearest_long(name) if name[:2] == "--" else nearest(name, self.flags)
        return f"no option {name}" + (f"; did you mean {near}?" if near else "")

    def error(self, message: str) -> NoReturn:
        """Raise `message` as a usage error for this command."""
        if message.startswith(_REQUIRED):
            missing = message.removeprefix(_REQUIRED)
            message = f"{missing} {'are' if ', ' in missing else 'is'} missing"
        message = _NEEDS.sub(_in_words, message.removeprefix("argument "))
        raise UsageError(f"{self.prog}: {message} (help: {self.prog} -h)")

    def print_help(self, file: Any = None) -> NoReturn:  # noqa: ARG002 - argparse's signature
        """Pass the help to the magic instead of printing it."""
        raise HelpRequested(self.format_help())


def _in_words(match: re.Match[str]) -> str:
    return " needs a value" if match["count"] == "one" else f" needs {match['count']} values"


def nearest(name: str, flags: Iterable[str]) -> str | None:
    """Return the flag that `name` most likely meant, or None if none is close.

    Underscores count as dashes, because both spellings are common for the CLI's own options.
    """
    by_plain = {flag.replace("_", "-"): flag for flag in flags}
    plain = name.replace("_", "-")
    found = get_close_matches(plain, by_plain, n=1, cutoff=_MIN_SIMILARITY)
    longer = [flag for flag in by_plain if len(plain) > _MAX_EXACT_CHARS and flag.startswith(plain)]
    return by_plain[(found + longer)[0]] if found or longer else None


def _part_of(name: str, known: Iterable[str]) -> str | None:
    """Return the known flag that contains `name`, as ``--model-engine`` contains ``--engine``."""
    parts = name.strip("-").replace("_", "-").split("-")
    return next((flag for flag in known if _within(parts, flag.strip("-").split("-"))), None)


def _within(parts: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(part in rest for part in parts)


def leading_options(text: str, parser: Parser[Any]) -> tuple[list[str], str]:
    """Split `text` into its leading options and the rest, which stays unchanged.

    ``--`` ends the options. A dash before a digit or a space belongs to the rest.

    Raises:
        UsageError: A word looks like an option but isn't one, or a quote is not closed.
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
            said = parser.unknown(name)
            as_text = " Put" if said.endswith("?") else "; put"
            parser.error(f"{said}{as_text} '--' before it to send it as text")
        words.append(_unquoted(flag, parser))
        for _ in range(0 if equals else words_of[name]):
            if (match := _WORD.match(text, position)) is None:
                break
            words.append(_unquoted(match[1], parser))
            position = match.end()
    return words, text[position:]


def _unquoted(word: str, parser: Parser[Any]) -> str:
    bare = _QUOTED.sub("", word)
    if re.search(r"""(^|=)["']""", bare):
        parser.error("a quote is not closed")  # the word may be a secret
    return _QUOTED.sub(lambda match: match[1] + match[2][1:-1], word)


def extra_pairs(words: Sequence[str], parser: Parser[Any]) -> dict[str, Any]:
    """Parse undeclared ``--key value`` pairs.

    Raises:
        UsageError: A word isn't an option or has no value.
    """
    extra: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        key, separator, value = word.partition("=")
        if not key.startswith("--"):
            parser.error(parser.unknown(word))
        value = value if separator else next(rest, "")
        if not value or value.startswith("--"):
            parser.error(f"{key} needs a value")
        extra[key[2:].replace("-", "_")] = readers.literal(value)
    return extra
