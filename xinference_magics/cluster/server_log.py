"""What a server has printed: without secrets, and why it failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xinference_magics.plain import neutralise
from xinference_magics.transport.details import shortened

if TYPE_CHECKING:
    from pathlib import Path

_EXCEPTION = re.compile(r"\b(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit)\b.*")


def read_lines(log: Path) -> list[str]:
    """Return the lines of a log but for those with secrets; none where there is no log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return without_secrets(lines)


def without_secrets(lines: list[str]) -> list[str]:
    """Leave out the line of a server's log that has a secret in it."""
    return [line for line in lines if "Setup token" not in line]


def cause(lines: list[str]) -> str:
    """Return the last exception in a log, or else its last line; empty for an empty log."""
    said = [line.strip() for line in lines if line.strip()]
    exceptions = [found for line in said if (found := _EXCEPTION.search(line))]
    last = exceptions[-1][0] if exceptions else (said[-1] if said else "")
    return neutralise(shortened(last))
