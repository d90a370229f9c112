"""The commands of ``%xinference``: each takes the session and arguments and returns a value."""

from xinference_magics.notebook.commands import (
    accounts,
    asking,
    catalog,
    connecting,
    data,
    launching,
    machines,
    maintaining,
    making,
    models,
)
from xinference_magics.notebook.commands.command import CommandSet

COMMANDS = CommandSet(
    "%xinference",
    {
        "Connecting": connecting.COMMANDS,
        "Accounts": accounts.COMMANDS,
        "Running models": (*launching.COMMANDS, *models.COMMANDS),
        "Available models": catalog.COMMANDS,
        "Asking a model": (*asking.COMMANDS, *data.COMMANDS),
        "Pictures and sounds": making.COMMANDS,
        "Machines": machines.COMMANDS,
        "Managing the cluster": maintaining.COMMANDS,
    },
    examples=(
        "uid = %xinference launch -n qwen2.5-instruct -s 0_5",
        "running = %xinference list",
        "%chat What is the capital of France?",
    ),
)
"""Every command of ``%xinference``."""
