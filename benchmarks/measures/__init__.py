"""The measures, one file each: `TITLE`, and `measure(bench)` that returns rows."""

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
"""In the order in which they run and are shown."""
