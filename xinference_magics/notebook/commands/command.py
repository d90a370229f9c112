"""A command of a magic: declared once, for its parser, its help and its completion."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import NotebookError
from xinference_magics.notebook.arguments import (
    Option,
    Parser,
    Values,
    extra_pairs,
    help_width,
)
from xinference_magics.notebook.options import API_KEY
from xinference_magics.notebook.questions import agreed
from xinference_magics.notebook.readers import not_empty

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Callable, Sequence

    from xinference_magics.notebook.session import Session

UID = Option(
    ("uid", "--model-uid"),
    "UID of a running model.",
    type=not_empty,
    required=True,
    values=Values.RUNNING,
)
THERE = (
    Option(("--endpoint", "-e"), "Another Xinference endpoint, for this command only."),
    API_KEY,
)
YES = Option(("--yes", "-y", "--check"), "Do it without asking for confirmation.", words=0)


def confirm(arguments: Arguments, question: str) -> None:
    """Ask before something that cannot be undone, unless ``--yes`` was typed.

    Raises:
        NotebookError: The answer is not yes, or nobody can be asked.
    """
    if not (arguments.yes or agreed(question, otherwise="To do it, add --yes.")):
        raise NotebookError("Nothing was done.", hint="To do it, answer y or add --yes.")


@dataclass(frozen=True)
class Command:
    """A command of ``%xinference``, or of another magic.

    Attributes:
        name: As typed.
        help: One line for people.
        run: Does it, with the session and the arguments; what it returns is the value of the
            magic. A command that takes a cell finds its text in `arguments.cell`. One that takes
            a prompt gets the magics, itself, and what its magic gets: line, cell and local
            variables.
        options: What it takes.
        examples: What to type, a line or a whole cell, shown in its help.
        note: A line more for its help.
        takes_extra: Whether undeclared ``--key value`` pairs are passed on.
        takes_cell: Whether ``%%xinference NAME`` gives it the cell's text.
        acts: Whether it says what it did: a cell then does not show its value as well.
        takes_prompt: Whether what follows its options is a prompt, read as it stands. Such a
            command is a magic by itself, too.
        magic: What it is a command of.
    """

    name: str
    help: str
    run: Callable[..., Any]
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    note: str = ""
    takes_extra: bool = False
    takes_cell: bool = False
    takes_prompt: bool = False
    acts: bool = False
    magic: str = "%xinference"

    def parser(self, typed: str = "") -> Parser:
        """Make the parser that the options declare.

        Args:
            typed: The magic that was typed, where it is a command by itself.
        """
        gap = "\n\n" if any("\n" in example for example in self.examples) else "\n"
        about = [fill(self.note, help_width(), break_on_hyphens=False)] if self.note else []
        if self.examples:
            about += [*([""] if about else []), "examples:", indent(gap.join(self.examples), "  ")]
        return Parser(
            typed or f"{self.magic} {self.name}", self.help, self.options, "\n".join(about)
        )

    def __call__(self, session: Session, words: Sequence[str], cell: str | None = None) -> Any:
        """Read `words` and do it.

        Raises:
            UsageError: The words are not right, or there is a cell and the command takes none.
        """
        parser = self.parser()
        if cell is not None and not self.takes_cell:
            parser.error(
                f"it does not take a cell: type it on one line, {self.magic} {self.name} ..."
            )
        arguments = self._read(parser, words)
        arguments.cell = cell
        return self.run(session, arguments)

    def _read(self, parser: Parser, words: Sequence[str]) -> Arguments:
        if not self.takes_extra:
            return parser.parse(words)
        arguments, unknown = parser.parse_known_args(parser.in_place(words))
        forced = {key.replace("-", "_"): value for key, value in arguments.extra or []}
        arguments.extra = {**extra_pairs(unknown, parser), **forced}
        return arguments
