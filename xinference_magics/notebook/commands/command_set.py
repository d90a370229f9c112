"""The commands of one magic: found by name, with near names and help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError

from xinference_magics.notebook.arguments import HelpRequested, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xinference_magics.notebook.commands.command import Command
    from xinference_magics.notebook.session import Session


class CommandSet(dict[str, "Command"]):
    """The commands of a magic, by their names.

    Args:
        magic: As typed, such as ``%xinference``.
        commands: All of them.
        default: The one that runs where none is named.
    """

    def __init__(self, magic: str, commands: Iterable[Command], default: str) -> None:
        super().__init__((command.name, command) for command in commands)
        self.magic = magic
        self.default = default

    def __missing__(self, name: str) -> NoReturn:
        near = nearest(name, self, cutoff=0.6)
        hint = f"did you mean {near}?" if near else f"commands: {', '.join(self)}"
        raise UsageError(f"{self.magic}: no command {name!r}; {hint}")

    def run(self, session: Session, words: Sequence[str], cell: str | None = None) -> Any:
        """Run the line of `words`, or the cell with that line and its text.

        Raises:
            UsageError: There is no such command, or its arguments are not right.
        """
        name, *rest = words or [self.default]
        if name in {"-h", "--help", "help"}:
            session.say(self.help(rest))
            return None
        try:
            return self[name](session, rest, cell)
        except HelpRequested as requested:
            session.say(str(requested))
            return None

    def help(self, words: Sequence[str] = ()) -> str:
        """Describe the command named by `words`, or list all."""
        if words:
            return self[words[0]].parser().format_help()
        width = max(map(len, self))
        lines = [f"  {command.name:{width}}  {command.help}" for command in self.values()]
        usage = f"{self.magic} COMMAND"
        return "\n".join([f"{usage} [OPTIONS]", "", *lines, "", f"{usage} -h"])
