"""The folder in which the local server is found: who runs it, who needs it, and its secrets.

One folder a machine, because a home directory may be shared by several; readable by its owner
only. Three things in it decide who does what:

    lock          held for moments, by whoever changes one of the others
    leases/PID    a process that needs the server, for as long as it lives
    server.json   the server, its keeper, and whether the keeper is ending it: `Running`

Only keepers start and end servers. A process that wants one takes a lease, reads the `Phase`,
and runs a keeper, waits, or is done. A process is named by pid and birth, so that a pid that was
given out again is nobody's.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING

import psutil

from xinference_magics.errors import LocalServerError
from xinference_magics.files import (
    locked,
    make_private_folder,
    read_private,
    state_folder,
    write_private,
)
from xinference_magics.process import ProcessIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST = 300.0  # seconds that a process may take to make the accounts of a new, busy server


def find_folder() -> Path:
    """Return the folder, which may not exist yet."""
    return state_folder() / f"server-{socket.gethostname()}"


def open_folder() -> Path:
    """Return the folder, made where it was missing."""
    folder = find_folder()
    make_private_folder(folder)
    return folder


class Phase(Enum):
    """Where the server is in its life, by what is written down and which processes live."""

    GONE = "neither server nor keeper is alive: another server may be started"
    SERVING = "both are alive: it is ready, or starting"
    UNKEPT = "the keeper has died: another one is needed, to watch the server or to end it"
    ENDING = "the keeper is stopping it, or cleaning up after it: wait"


@dataclass(frozen=True)
class Running:
    """What the folder says about the server. It is only written under the folder's lock.

    Args:
        endpoint: Its URL.
        server: Its process.
        keeper: The process that stops it when nobody needs it any more.
        ending: Why it ends or has ended: ``unneeded``, ``stopped``, ``exit N``, ``signal N``;
            empty while nobody has decided to end it.
    """

    endpoint: str
    server: ProcessIdentity
    keeper: ProcessIdentity
    ending: str = ""

    @property
    def port(self) -> int:
        """The port of the endpoint."""
        return int(self.endpoint.rpartition(":")[2])

    @property
    def phase(self) -> Phase:
        """What a process that needs the server has to do."""
        server = self.server.process()
        if self.keeper.process() is None:
            return Phase.UNKEPT if server else Phase.GONE
        return Phase.ENDING if self.ending or not server else Phase.SERVING

    def save(self, folder: Path) -> None:
        """Write it down for other notebooks; the folder is locked."""
        write_private(folder / "server.json", asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Running | None:
        """Return what was written down last, whether or not that server still lives."""
        try:
            data = read_private(folder / "server.json")
            running = cls(
                str(data["endpoint"]),
                ProcessIdentity.load(data["server"]),
                ProcessIdentity.load(data["keeper"]),
                str(data.get("ending", "")),
            )
        except (KeyError, TypeError, ValueError):
            return None
        return running if running.endpoint.rpartition(":")[2].isdecimal() else None

    def serves(self) -> bool:
        """Tell whether it has its port and nobody has decided to end it."""
        return not self.ending and self.listens()

    def listens(self) -> bool:
        """Tell whether it is the server, and no stranger, that has the port."""
        process = self.server.process()
        try:
            return process is not None and any(
                each.status == psutil.CONN_LISTEN and each.laddr.port == self.port
                for each in process.net_connections("tcp")
            )
        except psutil.Error:
            return False


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: whoever begins, joins or ends a server does so under it.

    Raises:
        LocalServerError: Another process has had it for five minutes.
    """
    path = folder / "lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, _LONGEST))
        except TimeoutError:
            raise LocalServerError(
                f"Another process has held the lock {path} for {_LONGEST:.0f} s.",
                hint=f"Find it with fuser {path}, and run the cell again when it has finished.",
            ) from None
        yield


def take_lease(folder: Path) -> bool:
    """Say that this process needs the server, for as long as it lives; the folder is locked.

    The keeper looks for leases and decides under the same lock. So after this, either the server
    stays or what is written down says that it ends.

    Returns:
        Whether the lease is new.
    """
    leases = folder / "leases"
    make_private_folder(leases)
    _drop_dead(leases)
    lease = leases / str(os.getpid())
    new = not lease.exists()
    write_private(lease, asdict(ProcessIdentity.of(os.getpid())))
    return new


def drop_lease(folder: Path) -> None:
    """Say that this process no longer needs the server."""
    (folder / "leases" / str(os.getpid())).unlink(missing_ok=True)


def leased(folder: Path) -> bool:
    """Tell whether a process that needs the server still lives."""
    return any(map(_held, (folder / "leases").glob("[0-9]*")))


def _drop_dead(leases: Path) -> None:
    for lease in leases.glob("[0-9]*"):
        if not _held(lease):
            lease.unlink(missing_ok=True)


def _held(lease: Path) -> bool:
    try:
        return ProcessIdentity.load(read_private(lease)).process() is not None
    except (KeyError, TypeError, ValueError):
        return False
