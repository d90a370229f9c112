"""A command of a magic: declared once, for its parser, its help and its completion.

There are two kinds. A `Command` gets the words of its line. A `PromptCommand` gets the text after
its options unchanged: that is the prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from xinference_magics.errors import NotebookError
from xinference_magics.notebook.arguments import Parser, help_width, leading_options
from xinference_magics.notebook.option import Option, Values, given, options_of
from xinference_magics.notebook.options import API_KEY
from xinference_magics.notebook.questions import agreed
from xinference_magics.notebook.readers import not_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.session import Session

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
    """The options of a command that can ask another server, once."""

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
    """The base of the options of a command that takes a cell.

    Attributes:
        cell: The text below ``%%xinference NAME``; None where the command is a line.
    """

    cell: str | None = None


class PromptOptions(Protocol):
    """What a `PromptCommand` needs to know about its options."""

    @property
    def conflict(self) -> str:
        """Which options contradict each other, and what to do; empty if none do."""
        ...

    @property
    def implied_prompt(self) -> str:
        """What to ask if nothing is typed; empty if there has to be a prompt."""
        ...


Options = TypeVar("Options")
Prompted = TypeVar("Prompted", bound=PromptOptions)


def confirm(yes: bool | None, question: str) -> None:
    """Ask before something that cannot be undone, unless ``--yes`` was typed.

    Raises:
        NotebookError: The answer is not yes, or nobody can be asked.
    """
    if not (yes or agreed(question, otherwise="To do it, add --yes.")):
        raise NotebookError("Nothing was done.", hint="To do it, answer y or add --yes.")


@dataclass(frozen=True)
class Declaration(Generic[Options]):
    """What both kinds of command declare.

    Attributes:
        name: As typed.
        help: One line for people.
        run: Does it; what it returns is the value of the magic.
        takes: The dataclass whose fields declare the options.
        examples: What to type, a line or a whole cell, shown in the command's help.
        note: One more line for the help.
        magic: The magic it is a command of.
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
        """What can be typed after the name."""
        return options_of(self.takes)

    def parser(self, typed: str = "") -> Parser[Options]:
        """Make the parser that the options declare.

        Args:
            typed: What was typed, if that is not the magic and the name.
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
        run: Does it, with the session and the options; what it returns is the value of the magic.
        acts: Whether it says what it did: a cell then does not show its value as well.
    """

    run: Callable[[Session, Options], Any]
    acts: bool = False

    @property
    def takes_cell(self) -> bool:
        """Whether ``%%xinference NAME`` gives it the text of the cell."""
        return issubclass(self.takes, CellOptions)

    def __call__(self, session: Session, words: Sequence[str], cell: str | None = None) -> Any:
        """Read `words` and do it.

        Raises:
            UsageError: The words are not right, or there is a cell and the command takes none.
        """
        return self.run(session, self.read(words, cell))

    def read(self, words: Sequence[str], cell: str | None = None) -> Options:
        """Read the words of a line, and the cell below it if there is one.

        Raises:
            UsageError: The words are not right, or there is a cell and the command takes none.
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
        run: Does it, with the cell it is typed in, the options and the prompt; what it returns is
            the value of the magic.
    """

    run: Callable[[CellContext, Prompted, str], Any]

    def __call__(self, context: CellContext, line: str, cell: str | None) -> Any:
        """Read what was typed and do it.

        Args:
            context: The cell it is typed in.
            line: What follows the magic.
            cell: The lines below, if there are any.

        Raises:
            UsageError: An option is not right, or there is no prompt.
        """
        return self.run(context, *self.read(line, cell))

    def read(self, line: str, cell: str | None) -> tuple[Prompted, str]:
        """Split what was typed into options and prompt.

        Raises:
            UsageError: An option is not right, or there is no prompt.
        """
        parser = self.parser(f"%{self.name}" if cell is None else f"%%{self.name}")
        words, rest = leading_options(line, parser)
        parser.refuse_contradictions(words)
        if cell is not None and (out := _OUT.fullmatch(rest)):
            words, rest = [*words, "--out", out["name"]], ""
        options = parser.parse(words)
        if cell is not None and rest.strip():
            parser.error(f"unexpected {rest.strip()!r}: the prompt goes on the lines below")
        text = rest.strip() if cell is None else cell.removesuffix("\n")
        if not text.strip():
            text = options.implied_prompt
        if not text.strip():
            parser.error("there is no prompt")
        if options.conflict:
            parser.error(options.conflict)
        return options, text
