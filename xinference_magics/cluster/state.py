"""The folder in which the local server is found: who runs it, who needs it, and its secrets.

One folder a machine, because a home directory may be shared by several; readable by its owner
only.
"""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import psutil

from xinference_magics.transport.private import (
    locked,
    make_private_folder,
    read_private,
    state_folder,
    write_private,
)
from xinference_magics.transport.process import ProcessIdentity

if TYPE_CHECKING:
    from pathlib import Path


def find_folder() -> Path:
    """Return the folder, which may not exist yet."""
    return state_folder() / f"server-{socket.gethostname()}"


def open_folder() -> Path:
    """Return the folder, made where it was missing."""
    folder = find_folder()
    make_private_folder(folder)
    return folder


@dataclass(frozen=True)
class Running:
    """What the folder says about the server.

    Args:
        endpoint: Its URL.
        server: Its process.
        keeper: The process that stops it when nobody needs it any more.
    """

    endpoint: str
    server: ProcessIdentity
    keeper: ProcessIdentity

    @property
    def port(self) -> int:
        """The port of the endpoint."""
        return int(self.endpoint.rpartition(":")[2])

    def save(self, folder: Path) -> None:
        """Write it down for other notebooks."""
        write_private(folder / "server.json", asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Running | None:
        """Return what was written down, if its server process still runs."""
        try:
            data = read_private(folder / "server.json")
            running = cls(
                str(data["endpoint"]),
                ProcessIdentity(**data["server"]),
                ProcessIdentity(**data["keeper"]),
            )
        except (KeyError, TypeError):
            return None
        return running if running.server.process() else None

    def forget(self, folder: Path) -> None:
        """Take back what was written down, unless another server has been since."""
        with locked(folder / "lock"):
            if read_private(folder / "server.json").get("server") == asdict(self.server):
                (folder / "server.json").unlink()

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


def take_lease(folder: Path) -> None:
    """Say that this process needs the server, for as long as it lives."""
    leases = folder / "leases"
    make_private_folder(leases)
    write_private(leases / str(os.getpid()), asdict(ProcessIdentity.of(os.getpid())))


def drop_lease(folder: Path) -> None:
    """Say that this process no longer needs the server."""
    (folder / "leases" / str(os.getpid())).unlink(missing_ok=True)


def leased(folder: Path) -> bool:
    """Tell whether a process that needs the server still lives; leases of dead ones are removed."""
    living = False
    for lease in (folder / "leases").glob("[0-9]*"):
        try:
            holder = ProcessIdentity(**read_private(lease)).process()
        except TypeError:
            holder = None
        if holder:
            living = True
        else:
            lease.unlink(missing_ok=True)
    return living
