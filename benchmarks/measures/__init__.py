"""The measures, one file each: `TITLE`, and `measure(bench)`, which returns rows."""

NAMES = (
    "load",
    "first_chat",
    "chat_model",
    "stream",
    "first_token",
    "traffic",
    "page",
    "stop",
    "batch",
    "commands",
    "memory",
)
"""The order in which they run and are shown."""
