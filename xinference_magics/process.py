"""Processes, identified by pid and start time, because pids are reused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_BIRTH_FIELD = 19  # of /proc/PID/stat, counted from 0 after the command's name


@dataclass(frozen=True)
class ProcessIdentity:
    """Identifies a process, even if others had or will have its pid.

    Args:
        pid: The process id.
        birth: When it started; only good for comparisons.
    """

    pid: int
    birth: float

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Return the identity of a running process."""
        return cls(pid, _birth(pid))

    @classmethod
    def load(cls, data: Any) -> ProcessIdentity:
        """Return the identity that was saved as JSON.

        Raises:
            KeyError, TypeError, ValueError: `data` isn't an identity.
        """
        try:
            pid, birth = int(data["pid"]), float(data["birth"])
        except OverflowError as error:  # JSON may hold numbers that become infinite
            raise ValueError(data) from error
        if pid <= 0:
            raise ValueError(pid)
        return cls(pid, birth)

    def process(self) -> psutil.Process | None:
        """Return the process, or None if it has ended."""
        try:
            process = psutil.Process(self.pid)
            ended = process.status() == psutil.STATUS_ZOMBIE or _birth(self.pid) != self.birth
        except psutil.NoSuchProcess:
            return None
        return None if ended else process


def _birth(pid: int) -> float:
    """Return when a process started; on Linux by a clock that cannot be set."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return float(psutil.Process(pid).create_time())
    return float(stat.rpartition(")")[2].split()[_BIRTH_FIELD])
