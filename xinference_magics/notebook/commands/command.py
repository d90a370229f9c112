"""The commands of a magic, each declared once for its parser, its help and its completion.

There are two kinds. A `Command` gets the words of its line. A `PromptCommand` gets the text after
its options unchanged, as the prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeAlias, TypeVar

from xinference_magics import __version__
from xinference_magics.errors import NotebookError, UsageError, XinferenceError
from xinference_magics.nearest import near
from xinference_magics.notebook.command_line.arguments import (
    HelpRequested,
    Parser,
    help_width,
    leading_options,
)
from xinference_magics.notebook.command_line.option import (
    API_KEY,
    Option,
    Values,
    given,
    options_of,
)
from xinference_magics.notebook.command_line.questions import agreed
from xinference_magics.notebook.command_line.readers import not_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.session.session import Session


UID = Option(
    ("uid", "--model-uid"),
    help="UID of a running model.",
    type=not_empty,
    required=True,
    values=Values.RUNNING,
)
YES = Option(("--yes", "-y", "--check"), help="Do it without asking for confirmation.", words=0)

_OUT = re.compile(r"\s*(?P<name>[^\W\d]\w*)\s*<<\s*")
"""``%%chat NAME <<`` means ``--out NAME``, as in IPython's own magics."""


@dataclass(frozen=True, kw_only=True)
class ThereOptions:
    """The options of a command that can use another server, for that one call."""

    endpoint: str | None = given(
        Option(("--endpoint", "-e"), help="Another Xinference endpoint, for this command only.")
    )
    api_key: None = given(API_KEY)


@dataclass(frozen=True, kw_only=True)
class ModelOptions(ThereOptions):
    """The options of a command about one running model."""

    uid: str = given(UID)


@dataclass(frozen=True, kw_only=True)
class CellOptions:
    """Base class for the options of a command that takes a cell.

    Attributes:
        cell: The text below ``%%xinference NAME``; None if the command is a line magic.
    """

    cell: str | None = None


class PromptOptions(Protocol):
    """What a `PromptCommand` requires of its options."""

    @property
    def conflict(self) -> str:
        """Which options contradict each other, and what to do; empty if none do."""
        ...

    @property
    def implied_prompt(self) -> str:
        """The prompt to use if none is given; empty if one is required."""
        ...


Options = TypeVar("Options")
Prompted = TypeVar("Prompted", bound=PromptOptions)


def confirm(yes: bool | None, question: str) -> None:
    """Ask for confirmation of an irreversible action, unless ``--yes`` was given.

    Raises:
        NotebookError: The answer is not yes, or the notebook cannot prompt for input.
    """
    if not (yes or agreed(question, otherwise="To do it, add --yes.")):
        raise NotebookError("Nothing was done.", hint="To do it, answer y or add --yes.")


@dataclass(frozen=True)
class Declaration(Generic[Options]):
    """What both kinds of command declare.

    Attributes:
        name: The name as typed.
        help: A one-line description for users.
        run: Runs the command; its return value is the value of the magic.
        takes: The dataclass whose fields declare the options.
        examples: Lines or whole cells to type, shown in the command's help.
        note: One more line for the help.
        magic: The magic that the command belongs to.
    """

    name: str
    help: str
    run: Callable[..., Any]
    takes: type[Options]
    examples: tuple[str, ...] = ()
    note: str = ""
    magic: str = "%xinference"

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """The options that can follow the name."""
        return options_of(self.takes)

    def parser(self, typed: str = "") -> Parser[Options]:
        """Create the parser for the declared options.

        Args:
            typed: How the command was typed, if not as the magic followed by the name.
        """
        gap = "\n\n" if any("\n" in example for example in self.examples) else "\n"
        about = [fill(self.note, help_width(), break_on_hyphens=False)] if self.note else []
        if self.examples:
            about += [*([""] if about else []), "examples:", indent(gap.join(self.examples), "  ")]
        return Parser(typed or f"{self.magic} {self.name}", self.help, self.takes, "\n".join(about))


@dataclass(frozen=True)
class Command(Declaration[Options]):
    """A command that gets the words of its line.

    Attributes:
        run: Called with the session and the options; its return value is the value of the magic.
        acts: Whether it prints what it did, so that the cell does not display its value as well.
    """

    run: Callable[[Session, Options], Any]
    acts: bool = False

    @property
    def takes_cell(self) -> bool:
        """Whether ``%%xinference NAME`` passes it the text of the cell."""
        return issubclass(self.takes, CellOptions)

    def __call__(self, session: Session, words: Sequence[str], cell: str | None = None) -> Any:
        """Parse `words` and run the command.

        Raises:
            UsageError: The words are invalid, or there is a cell and the command takes none.
        """
        return self.run(session, self.read(words, cell))

    def read(self, words: Sequence[str], cell: str | None = None) -> Options:
        """Parse the words of a line, and the cell below it if there is one.

        Raises:
            UsageError: The words are invalid, or there is a cell and the command takes none.
        """
        parser = self.parser()
        if cell is not None and not self.takes_cell:
            parser.error(
                f"it does not take a cell: type it on one line, {self.magic} {self.name} ..."
            )
        return parser.parse(words, **({} if cell is None else {"cell": cell}))


@dataclass(frozen=True)
class PromptCommand(Declaration[Prompted]):
    """A command whose options are followed by a prompt. It is also a magic of its own.

    Attributes:
        run: Called with the context of the cell, the options and the prompt; its return value is
            the value of the magic.
        acts: Whether it shows its value, so that the cell does not display it as well.
        takes_cell: Whether there is a cell magic, too.
    """

    run: Callable[[CellContext, Prompted, str], Any]
    acts: bool = True
    takes_cell: bool = True

    def __call__(self, context: CellContext, line: str, cell: str | None) -> Any:
        """Parse the input and run the command.

        Args:
            context: The cell that the command is typed in.
            line: The text after the magic.
            cell: The lines below; None for a line magic.

        Raises:
            UsageError: An option is invalid, or there is no prompt.
        """
        return self.run(context, *self.read(line, cell))

    def read(self, line: str, cell: str | None) -> tuple[Prompted, str]:
        """Split the input into options and prompt.

        Raises:
            UsageError: An option is invalid, or there is no prompt.
        """
        parser = self.parser(f"%{self.name}" if cell is None else f"%%{self.name}")
        words, rest = leading_options(line, parser)
        parser.reject_contradictions(words)
        if cell is not None and (out := _OUT.fullmatch(rest)):
            words, rest = [*words, "--out", out["name"]], ""
        options = parser.parse(words)
        if cell is not None and rest.strip():
            where = _belongs(rest.split(), f"%{self.name}" if not cell.strip() else "")
            parser.error(f"unexpected {rest.strip()!r}: {where}")
        text = rest.strip() if cell is None else cell.removesuffix("\n")
        if not text.strip():
            text = options.implied_prompt
        if not text.strip():
            parser.error("there is no prompt" if self.takes_cell else "name a file or a value")
        if options.conflict:
            parser.error(options.conflict)
        return options, text


def _belongs(words: Sequence[str], alone: str) -> str:
    """Say where words after the options of a cell magic belong.

    Args:
        words: The words.
        alone: The line magic that would take them as the prompt; empty if there is a prompt.
    """
    may_be_uid = len(words) == 1 and words[0][0].isalnum()
    model = f"to ask a model of that name, type -m {words[0]}; " if may_be_uid else ""
    otherwise = f", or after {alone} with one %" if alone else ""
    return f"{model}the prompt goes on the lines below{otherwise}"


AnyCommand: TypeAlias = Command[Any] | PromptCommand[Any]


_OF_SERVE = ("--host", "-H", "--port", "-p")
"""Options of ``xinference-local``, which users may type without a command."""


class CommandSet(dict[str, AnyCommand]):
    """The commands of a magic, by name.

    Args:
        magic: The magic as typed, such as ``%xinference``.
        groups: All commands, by their headings in the help.
        default: The command to run if none is named; if empty, show the connection and the help.
        examples: Lines or whole cells to type, shown below the list of commands.
    """

    def __init__(
        self,
        magic: str,
        groups: Mapping[str, Sequence[AnyCommand]],
        default: str = "",
        examples: Sequence[str] = (),
    ) -> None:
        super().__init__((each.name, each) for commands in groups.values() for each in commands)
        self.magic = magic
        self.groups = groups
        self.default = default
        self.examples = examples

    def __missing__(self, name: str) -> NoReturn:
        if name.startswith("-"):
            option = name.partition("=")[0]
            hint = f"; a command comes first: {', '.join(self)}"
            if self.magic == "%xinference" and option in _OF_SERVE:
                hint = ". %xinference serve starts a server here, with its own --port"
            raise UsageError(f"{self.magic}: no option {option}{hint}")
        meant = near(name, self)
        hint = f"did you mean {meant[0]}?" if meant else f"commands: {', '.join(self)}"
        raise UsageError(f"{self.magic}: no command {name!r}; {hint}")

    def run(self, session: Session, words: Sequence[str], cell: str | None = None) -> Any:
        """Run the command line in `words`, with the text of the cell below it if there is one.

        Raises:
            UsageError: There is no such command, or its arguments are invalid.
        """
        name, *rest = words or [self.default]
        if name in {"", "-h", "--help", "help"}:
            session.say(self.help(rest) if name else f"{_where(session)}\n\n{self.overview()}")
            return None
        if name in {"-v", "--version"}:
            session.say(f"xinference_magics {__version__}\n{_where(session)}")
            return None
        command = self[name]
        if isinstance(command, PromptCommand):  # its name came from a variable
            raise UsageError(f"{self.magic}: type {name} itself, as a prompt follows it")
        try:
            value = command(session, rest, cell)
        except HelpRequested as requested:
            session.say(str(requested).rstrip())
            return None
        session.connector.changes += 1
        return value

    def overview(self) -> str:
        """Name all commands, a line for each group."""
        width = max(map(len, self.groups))
        lines = [
            f"  {title:{width}}  {', '.join(command.name for command in commands)}"
            for title, commands in self.groups.items()
        ]
        examples = [indent(example, "  ") for example in self.examples]
        return "\n".join(
            [
                *(f"{self.magic} COMMAND [OPTIONS]", "", *lines, "", "examples:", *examples, ""),
                f"{self.magic} help says what each command does, {self.magic} COMMAND -h how.",
            ]
        )

    def help(self, words: Sequence[str] = ()) -> str:
        """Describe the command that `words` names, or list all commands."""
        if words:
            return self[words[0]].parser().format_help().rstrip()
        width = max(map(len, self))
        lines = [f"{self.magic} COMMAND [OPTIONS]"]
        for title, commands in self.groups.items():
            lines += ["", *([title] if title else [])]
            lines += [f"  {command.name:{width}}  {command.help}" for command in commands]
        if self.examples:
            lines += ["", "examples:", *(indent(example, "  ") for example in self.examples)]
        return "\n".join([*lines, "", f"{self.magic} help COMMAND shows a command's options."])


def _where(session: Session) -> str:
    """Describe where the notebook is connected, or why it is not."""
    try:
        return repr(session.connection())
    except XinferenceError as error:
        return f"Not connected. {error}"
