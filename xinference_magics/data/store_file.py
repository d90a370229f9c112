"""The file of the answer store: its tables, their versions, and how it is opened."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION = 1
"""The version of the file's tables, in SQLite's ``user_version``."""

_BUSY_SECONDS = 30.0
"""Seconds to wait while another kernel writes."""
_NETWORKS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "ceph", "lustre"}
"""File systems of networks, where kernels of several machines cannot share WAL's memory."""

_TABLES = """
CREATE TABLE answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    answer TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    time REAL NOT NULL
);
CREATE TABLE models (
    endpoint TEXT NOT NULL,
    uid TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (endpoint, uid)
) WITHOUT ROWID;
"""

_MIGRATIONS: Mapping[int, str] = {0: _TABLES}
"""What turns the tables of one version into those of the next."""


def opened(path: Path) -> sqlite3.Connection:
    """Open a store, creating or migrating its tables.

    Raises:
        NotebookError: A later version wrote it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    made = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        journal = "DELETE" if on_network(path) else "WAL"
        with suppress(sqlite3.OperationalError):  # it is read-only: the answers can still be used
            made.execute(f"PRAGMA journal_mode={journal}")
            made.execute("PRAGMA synchronous=NORMAL")
        _migrate(made, path)
    except BaseException:
        made.close()
        raise
    return made


def _migrate(opened: sqlite3.Connection, path: Path) -> None:
    if _version(opened) == VERSION:
        return
    opened.execute("BEGIN IMMEDIATE")  # another kernel may be doing the same
    try:
        while (version := _version(opened)) < VERSION:
            for statement in _MIGRATIONS[version].split(";"):
                opened.execute(statement)
            opened.execute(f"PRAGMA user_version={version + 1}")
        opened.commit()
    except BaseException:
        opened.rollback()
        raise
    if version > VERSION:
        raise NotebookError(
            f"{path} was written by a later version of xinference-magics.",
            hint="Update it, or use another file.",
        )


def _version(opened: sqlite3.Connection) -> int:
    with closing(opened.execute("PRAGMA user_version")) as found:
        return int(found.fetchone()[0])


def on_network(path: Path) -> bool:
    """Return whether a file is on a file system of a network, as far as this system tells."""
    best = ("", "")
    for mount, kind in _mounts():
        if path.resolve().is_relative_to(mount) and len(mount) >= len(best[0]):
            best = (mount, kind)
    return best[1] in _NETWORKS


def _mounts() -> Iterator[tuple[str, str]]:
    with suppress(OSError), Path("/proc/self/mounts").open(encoding="utf-8") as mounts:
        for line in mounts:
            _, mount, kind, *_ = line.split(" ")
            yield re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), mount), kind
