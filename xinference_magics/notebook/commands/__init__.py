"""The commands of ``%xinference``: each takes the session and arguments, and returns a value."""

from xinference_magics.notebook.commands import (
    accounts,
    catalog,
    connecting,
    launching,
    machines,
    maintaining,
    models,
)
from xinference_magics.notebook.commands.command_set import CommandSet

COMMANDS = CommandSet(
    "%xinference",
    (
        *connecting.COMMANDS,
        *accounts.COMMANDS,
        *launching.COMMANDS,
        *models.COMMANDS,
        *machines.COMMANDS,
        *catalog.COMMANDS,
        *maintaining.COMMANDS,
    ),
    "status",
)
"""Every command of ``%xinference``."""
