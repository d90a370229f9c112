"""The answer store: every answer of a row, under a key of what decided it, in one SQLite file.

Each answer is committed when it arrives, so that a killed kernel loses none. Several kernels may
use one file at the same time. Whatever is wrong with the file, answering goes on: it is said once,
and new answers are not stored until the store works again.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from xinference_magics.data import store_file
from xinference_magics.errors import NotebookError
from xinference_magics.notes import note
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_log = logging.getLogger(__name__)

MAX_BYTES = 2_000_000_000
"""Default size of the store in bytes; beyond it, the oldest answers are removed."""

_MOST_KEYS = 500
"""Keys in one query; SQLite before 3.32 accepts 999 parameters."""
_KEPT_SHARE = 0.9
"""Share of the size limit that remains after old answers are removed, so it is not done often."""
_CHECKED_BYTES = 4_000_000
"""Bytes of new answers between two looks at the size of the file."""
_ADD = (
    "INSERT INTO answers (key, model, prompt, answer, bytes, time) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, bytes = excluded.bytes, "
    "time = excluded.time"
)
_FIND = "FROM answers WHERE ? = '' OR instr(lower(prompt || char(10) || answer), lower(?))"


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer to store, or from the store.

    Attributes:
        key: The hash of what decided it.
        model: The name of the model, for people.
        prompt: The text of the prompt, for people.
        answer: The answer as JSON.
        time: When it was stored, in seconds since 1970.
    """

    key: bytes
    model: str
    prompt: str
    answer: str
    time: float = 0.0


def default_path() -> Path:
    """Return where the user's answers are; ``$XINFERENCE_MAGICS_STATE`` moves them, too."""
    from platformdirs import user_data_dir

    folder = os.environ.get("XINFERENCE_MAGICS_STATE") or user_data_dir("xinference-magics")
    return Path(folder) / "answers.sqlite"


class AnswerStore:
    """Answers in a SQLite file, which is opened at first use.

    Args:
        path: The file; None for the user's own.
        max_bytes: The size at which the oldest answers are removed; None for no limit.
        say: Says one line to the user about what is wrong, once each.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int | None = MAX_BYTES,
        say: Callable[[str], None] = note,
    ) -> None:
        self.path = default_path() if path is None else Path(path).expanduser()
        self.max_bytes = max_bytes
        self._say = say
        self._said: set[str] = set()
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._unchecked = _CHECKED_BYTES
        self._process = os.getpid()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        """Return the answers stored under `keys`; empty, with a note, if the store is broken."""
        found: dict[bytes, str] = {}
        with self._lock:
            for start in range(0, len(keys), _MOST_KEYS):
                part = keys[start : start + _MOST_KEYS]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, answer FROM answers WHERE key IN ({marks})"  # noqa: S608
                found.update(self._tried("read", partial(self._rows, query, part)) or ())
        return found

    def put(self, answers: Sequence[Stored]) -> bool:
        """Store answers in one transaction; return whether they are stored."""
        now = time.time()
        rows = [
            (each.key, each.model, each.prompt, each.answer, _size(each), each.time or now)
            for each in answers
        ]
        with self._lock:
            done = self._tried("written", lambda: self._write(rows)) is not None
            if done:
                self._unchecked += sum(row[4] for row in rows)
                if self._unchecked >= _CHECKED_BYTES:
                    self._unchecked = 0
                    self._tried("cut down", self._shrink)
        return done

    def search(self, text: str = "", limit: int = 1000) -> list[Stored]:
        """Return the newest stored answers whose prompt or answer contains `text`.

        Raises:
            NotebookError: The store cannot be read.
        """
        query = f"SELECT key, model, prompt, answer, time {_FIND} ORDER BY id DESC LIMIT ?"
        with self._lock, self._named():
            return [Stored(*row) for row in self._rows(query, (text, text, limit))]

    def count(self, text: str = "") -> int:
        """Return how many stored answers contain `text` in the prompt or the answer.

        Raises:
            NotebookError: The store cannot be read.
        """
        with self._lock, self._named():
            [(count,)] = self._rows(f"SELECT count(*) {_FIND}", (text, text))
            return int(count)

    def clear(self, text: str = "") -> int:
        """Remove the answers that contain `text`, all if it is empty; return how many.

        Raises:
            NotebookError: The store cannot be written.
        """
        with self._lock, self._named():
            opened = self._opened()
            with opened:
                removed = opened.execute(f"DELETE {_FIND}", (text, text)).rowcount
            opened.execute("VACUUM")
            return removed

    @property
    def bytes(self) -> int:
        """The size of the file; 0 if there is none."""
        with suppress(OSError):
            return self.path.stat().st_size
        return 0

    def describe(self, endpoint: str, uid: str) -> Any:
        """Return how the server described a model when it was last asked; None if it never was."""
        query = "SELECT description FROM models WHERE endpoint = ? AND uid = ?"
        with self._lock:
            rows = self._tried("read", lambda: self._rows(query, (endpoint, uid)))
        return json.loads(rows[0][0]) if rows else None

    def remember(self, endpoint: str, uid: str, description: Mapping[str, Any]) -> None:
        """Keep a server's description of a model, to find its answers without the server."""
        row = (endpoint, uid, json.dumps(description))
        add = "INSERT OR REPLACE INTO models VALUES (?, ?, ?)"
        with self._lock:
            self._tried("written", lambda: self._write([row], add))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": str(self.path), "max_bytes": self.max_bytes}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["path"], max_bytes=state["max_bytes"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"AnswerStore({str(self.path)!r})"

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._opened().execute(query, values).fetchall()

    def _write(self, rows: Sequence[tuple[Any, ...]], query: str = _ADD) -> bool:
        opened = self._opened()
        with opened:
            opened.executemany(query, rows)
        return True

    def _opened(self) -> sqlite3.Connection:
        if self._process != os.getpid():  # SQLite's connections do not survive a fork
            self._connection, self._process = None, os.getpid()
        if self._connection is not None and not self.path.exists():  # somebody removed the file
            self.close()
        if self._connection is None:
            self._connection = store_file.opened(self.path)
        return self._connection

    def _shrink(self) -> bool:
        """Remove the oldest answers if the file has become too large."""
        opened, limit = self._opened(), self.max_bytes
        [(used,)] = opened.execute(
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        if limit is None or used <= limit:
            return True
        [(last,)] = opened.execute(
            "SELECT coalesce(min(id), 0) FROM (SELECT id, sum(bytes) OVER (ORDER BY id) AS upto "
            "FROM answers) WHERE upto >= ?",
            (used - limit * _KEPT_SHARE,),
        )
        with opened:
            gone = opened.execute("DELETE FROM answers WHERE id <= ?", (last,)).rowcount
        self._tell(
            f"The answer store has reached {limit / 1e9:g} GB: the {gone:,} oldest answers were "
            "removed."
        )
        return True

    def _tried(self, what: str, work: Callable[[], Any]) -> Any:
        """Do `work`; if it fails, say so once and return None. A broken file is set aside."""
        try:
            return work()
        except (sqlite3.Error, OSError, NotebookError) as error:
            _log.debug("The answer store cannot be %s", what, exc_info=True)
            if _is_corrupt(error):
                self.close()
                if self._set_aside():
                    with suppress(sqlite3.Error, OSError):
                        return work()
            self._tell(
                f"The answer store {self.path} cannot be {what}: {_reason(error)}. "
                "New answers are not stored."
                if what == "written"
                else f"The answer store {self.path} cannot be {what}: {_reason(error)}."
            )
            return None

    def _set_aside(self) -> bool:
        """Rename a file that is not a database any more; nothing in it is deleted."""
        aside = self.path.with_name(f"{self.path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}")
        try:
            self.path.rename(aside)
            for end in ("-wal", "-shm"):
                with suppress(OSError):
                    self.path.with_name(self.path.name + end).rename(f"{aside}{end}")
        except OSError:
            return False
        self._tell(f"The answer store {self.path} is corrupt: it was renamed to {aside.name}.")
        return True

    def _tell(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._say(line)

    def _named(self) -> _Named:
        return _Named(self.path)


class _Named:
    """Names the file in an error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.Error | OSError):
            raise NotebookError(
                f"The answer store {self._path} cannot be used: {_reason(error)}.",
                hint=Remedy.MOVE_ANSWERS(),
            ) from error


def _size(stored: Stored) -> int:
    """Estimate the bytes that an answer takes in the file, with its key in two trees."""
    return len(stored.answer) + len(stored.prompt) + len(stored.model) + 120


def _is_corrupt(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join(str(text or error).split()).rstrip(".")
