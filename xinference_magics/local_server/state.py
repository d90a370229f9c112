"""The folder that describes the local server: who runs it, who needs it, and its secrets.

There is one folder per machine, because several may share a home directory; only its owner can
read it. Three things in it decide who does what:

    lock          held briefly by any process that changes one of the others
    leases/PID    a process that needs the server, for as long as it lives
    server.json   the server, its keeper, and whether the keeper is ending it: `Running`

Only keepers start servers, and they end them, unless a keeper has died: then whoever stops the
server ends it. A process that wants a server takes a lease, reads the `Phase`, and then runs a
keeper, waits, or is done. Processes are identified by pid and start time, so that a reused pid
matches none.
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

_LOCK_SECONDS = 300.0  # seconds a process may need to create the accounts of a new, busy server


def find_folder() -> Path:
    """Return the folder, which may not exist yet."""
    return state_folder() / f"server-{socket.gethostname()}"


def open_folder() -> Path:
    """Return the folder, creating it if it is missing."""
    folder = find_folder()
    make_private_folder(folder)
    return folder


class Phase(Enum):
    """The stage of the server's life, given the record and the processes that are alive."""

    GONE = "neither server nor keeper is alive: another server may be started"
    SERVING = "both are alive: it is ready, or starting"
    UNKEPT = "the keeper has died: another one is needed, to watch the server or to end it"
    ENDING = "the keeper is stopping it, or cleaning up after it: wait"


@dataclass(frozen=True)
class Running:
    """The record of the server in the folder. It is only written under the folder's lock.

    Args:
        endpoint: Its URL.
        server: Its process.
        keeper: The process that stops it when nobody needs it any more.
        ending: Why it is ending or has ended: ``unneeded``, ``stopped``, ``exit N``,
            ``signal N``; empty while nothing has decided to end it.
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
        """The phase, which determines what a process that needs the server must do."""
        server = self.server.process()
        if self.keeper.process() is None:
            return Phase.UNKEPT if server else Phase.GONE
        return Phase.ENDING if self.ending or not server else Phase.SERVING

    def save(self, folder: Path) -> None:
        """Write the record for other notebooks; the caller holds the folder's lock."""
        write_private(folder / "server.json", asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Running | None:
        """Return the last record, whether or not that server is still alive; None if invalid."""
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
        """Return whether the server has its port and nothing has decided to end it."""
        return not self.ending and self.listens()

    def listens(self) -> bool:
        """Return whether the server itself, not another process, has the port."""
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
    """Hold the folder's lock, which is required to start, join or end a server.

    Raises:
        LocalServerError: Another process has held it for five minutes.
    """
    path = folder / "lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, _LOCK_SECONDS))
        except TimeoutError:
            raise LocalServerError(
                f"Another process has held the lock {path} for {_LOCK_SECONDS:.0f} s.",
                hint=f"Find it with fuser {path}, and try again when it has finished.",
            ) from None
        yield


def take_lease(folder: Path) -> bool:
    """Record that this process needs the server for as long as it lives.

    The caller holds the folder's lock. The keeper checks leases and decides under the same lock,
    so after this either the server stays, or the record says that it ends.

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
    """Record that this process no longer needs the server."""
    (folder / "leases" / str(os.getpid())).unlink(missing_ok=True)


def leased(folder: Path) -> bool:
    """Return whether any process that needs the server is still alive."""
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
