"""The commands of ``%xinference``: each takes the session and arguments, and returns a value."""

from xinference_magics.notebook.commands import accounts, catalog, connecting, launching, models
from xinference_magics.notebook.commands.command_set import CommandSet

COMMANDS = CommandSet(
    "%xinference",
    (
        *connecting.COMMANDS,
        *accounts.COMMANDS,
        *launching.COMMANDS,
        *models.COMMANDS,
        *catalog.COMMANDS,
    ),
    "status",
)
"""Every command of ``%xinference``."""
