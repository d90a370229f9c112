"""A command of a magic: declared once, for its parser, its help and its completion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError

from xinference_magics.errors import NotebookError
from xinference_magics.notebook import options
from xinference_magics.notebook.arguments import Option, Parser, extra_pairs

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Callable, Sequence

    from xinference_magics.notebook.session import Session

UID = Option(("uid",), "UID of a running model.", type=options.not_empty, required=True)
THERE = Option(("--endpoint", "-e"), "Another Xinference endpoint, for this command only.")
YES = Option(("--yes", "-y"), "Do it without asking.", words=0)


def confirm(arguments: Arguments, question: str) -> None:
    """Ask before something that cannot be undone, unless ``--yes`` was typed.

    Raises:
        NotebookError: The answer is not yes, or nobody can be asked.
    """
    if arguments.yes:
        return
    try:
        answer = input(f"{question} [y/N] ")
    except (StdinNotImplementedError, EOFError):
        raise NotebookError("Nobody can be asked here.", hint="--yes does it.") from None
    if answer.strip().lower() not in {"y", "yes"}:
        raise NotebookError("Nothing was done.", hint="y answers the question, or --yes.")


@dataclass(frozen=True)
class Command:
    """A command of ``%xinference``, or of another magic.

    Attributes:
        name: As typed.
        help: One line for people.
        run: Does it; what it returns is the value of the magic. A command that takes a cell
            finds its text in `arguments.cell`.
        options: What it takes.
        examples: Lines to type, shown in its help.
        takes_extra: Whether undeclared ``--key value`` pairs are passed on.
        takes_cell: Whether ``%%xinference NAME`` gives it the cell's text.
        magic: What it is a command of.
    """

    name: str
    help: str
    run: Callable[[Session, Arguments], Any]
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    takes_extra: bool = False
    takes_cell: bool = False
    magic: str = "%xinference"

    def parser(self) -> Parser:
        """Make the parser that the options declare."""
        epilog = "\n".join(["examples:", *(f"  {line}" for line in self.examples)])
        return Parser(
            f"{self.magic} {self.name}",
            self.help,
            self.options,
            epilog if self.examples else "",
        )

    def __call__(self, session: Session, words: Sequence[str], cell: str | None = None) -> Any:
        """Read `words` and do it.

        Raises:
            UsageError: The words are not right, or there is a cell and the command takes none.
        """
        parser = self.parser()
        if cell is not None and not self.takes_cell:
            parser.error(f"it takes no cell: type it in one line, {self.magic} {self.name} ...")
        arguments = self._read(parser, words)
        arguments.cell = cell
        return self.run(session, arguments)

    def _read(self, parser: Parser, words: Sequence[str]) -> Arguments:
        if not self.takes_extra:
            return parser.parse(words)
        arguments, unknown = parser.parse_known_args(list(words))
        forced = {key.replace("-", "_"): value for key, value in arguments.extra or []}
        arguments.extra = {**extra_pairs(unknown, parser), **forced}
        return arguments
