"""The commands of ``%xinference``: each takes the session and arguments, and returns a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from xinference_magics.notebook.arguments import HelpRequested, nearest
from xinference_magics.notebook.commands import connecting, models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.notebook.commands.command import Command
    from xinference_magics.notebook.session import Session

COMMANDS: dict[str, Command] = {
    command.name: command for module in (connecting, models) for command in module.COMMANDS
}
"""Every command, by its name."""


def run(session: Session, words: Sequence[str], cell: str | None = None) -> Any:
    """Run ``%xinference WORDS``, or ``%%xinference WORDS`` with the text of its cell.

    Raises:
        UsageError: There is no such command, or its arguments are not right.
    """
    name, *rest = words or ["status"]
    if name in {"-h", "--help", "help"}:
        session.say(_help(rest))
        return None
    try:
        return _command(name)(session, rest, cell)
    except HelpRequested as requested:
        session.say(str(requested))
        return None


def _command(name: str) -> Command:
    if name in COMMANDS:
        return COMMANDS[name]
    near = nearest(name, COMMANDS, cutoff=0.6)
    hint = f"did you mean {near}?" if near else f"commands: {', '.join(COMMANDS)}"
    raise UsageError(f"%xinference: no command {name!r}; {hint}")


def _help(words: Sequence[str]) -> str:
    if words:
        return _command(words[0]).parser().format_help()
    width = max(map(len, COMMANDS))
    lines = [f"  {command.name:{width}}  {command.help}" for command in COMMANDS.values()]
    return "\n".join(["%xinference COMMAND [OPTIONS]", "", *lines, "", "%xinference COMMAND -h"])
