"""The commands of one magic: lookup by name, suggestions for typos, and help."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from IPython.core.error import UsageError

from xinference_magics import __version__
from xinference_magics.errors import XinferenceError
from xinference_magics.nearest import near
from xinference_magics.notebook.command_line.arguments import HelpRequested
from xinference_magics.notebook.commands.command import Command, PromptCommand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xinference_magics.notebook.session.session import Session


AnyCommand: TypeAlias = Command[Any] | PromptCommand[Any]


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
            raise UsageError(
                f"{self.magic}: no option {name.partition('=')[0]}; a command comes first. "
                "%xinference serve starts a server here, with its own --port"
            )
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
            session.say(self.help(rest) if name else f"{_where(session)}\n\n{self.help()}")
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
