"""Read a server's log: its lines without secrets, and the cause of a failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xinference_magics.plain import neutralise, shortened

if TYPE_CHECKING:
    from pathlib import Path

_RAISED = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?:: .*)?$")  # the last line of a traceback
_MODULE = re.compile(r"^(?:\w+\.)+(?=\w+:)")
_CHAINED = ("The above exception was the direct", "During handling of the above exception")
_OF_HTTP = ("HTTPStatusError", "HTTPError")  # other exceptions in the chain say it better
_CLOSED = "the client has been closed"  # raised by a retrying client; not the original error
_EXCEPTION = re.compile(r"(?<![\w.])[\w.]*(?:Error|Exception|Interrupt|Exit)\b.*")


def read_lines(log: Path, start: int = 0) -> list[str]:
    """Return the lines of a log, except those with secrets; empty if there is no log.

    Args:
        log: The file.
        start: Number of bytes to skip, which were there before.
    """
    try:
        written = log.read_bytes()[start:]
    except OSError:
        return []
    return without_secrets(written.decode("utf-8", errors="replace").splitlines())


def without_secrets(lines: list[str]) -> list[str]:
    """Drop the line of a server's log that contains a secret."""
    return [line for line in lines if "Setup token" not in line]


def cause(lines: list[str]) -> str:
    """Return the last exception in a log, or else its last line; empty for an empty log."""
    said = [line.strip() for line in lines if line.strip()]
    exceptions = [found for line in said if (found := _EXCEPTION.search(line))]
    last = exceptions[-1][0] if exceptions else (said[-1] if said else "")
    return neutralise(shortened(last.rstrip(": ")))


def beginning_of(failure: str, lines: list[str]) -> str:
    """Return the root cause of `failure`: the first exception of the last chain that ended in it.

    A server reports to the caller only that a download failed; its log has the chain (Xinference
    4.1).

    Args:
        failure: The message of the chain's last exception.
        lines: The server's log.
    """
    chains = [chain for chain in _chains(lines) if failure in chain[-1]]
    began = [each for each in chains[-1][:-1] if _says_why(each)] if chains else []
    return neutralise(shortened(_MODULE.sub("", began[0]))) if began else ""


def _chains(lines: list[str]) -> list[list[str]]:
    """Return the last lines of tracebacks, with those of chained exceptions grouped together."""
    chains: list[list[str]] = []
    inside = chained = False
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            if not (chained and chains):
                chains.append([])
            inside, chained = True, False
        elif inside and _RAISED.match(line):
            chains[-1].append(line.strip())
            inside = False
        elif line.startswith(_CHAINED):
            chained = True
    return [chain for chain in chains if chain]


def _says_why(line: str) -> bool:
    return not line.partition(":")[0].endswith(_OF_HTTP) and _CLOSED not in line
