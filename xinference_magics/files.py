"""Files that only their owner can read, and locks between the processes that write them."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from uuid import uuid4

from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)


def state_folder() -> Path:
    """Return the folder of this package's files; ``$XINFERENCE_MAGICS_STATE`` overrides it."""
    from platformdirs import user_state_dir

    return Path(os.environ.get("XINFERENCE_MAGICS_STATE") or user_state_dir("xinference-magics"))


def write_private(path: Path, content: object) -> None:
    """Write a JSON file atomically, readable only by its owner.

    Raises:
        NotebookError: The file cannot be written; an existing one stays unchanged.
    """
    with _named(path), replacing(path, open_private) as file:
        json.dump(content, file)


@contextmanager
def replacing(path: Path, open_draft: Callable[[Path], TextIO]) -> Iterator[TextIO]:
    """Write a file that replaces `path` once it is complete; else an existing one stays unchanged.

    Args:
        path: The file to replace.
        open_draft: Creates the new file, which is next to it until then.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with open_draft(draft) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def make_private_folder(path: Path) -> None:
    """Create a folder readable only by its owner, if it is missing.

    Raises:
        NotebookError: The folder cannot be created.
    """
    with _named(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in the error if it cannot be written."""
    try:
        yield
    except TimeoutError:  # from a lock
        raise
    except OSError as error:
        _log.debug("A file cannot be written", exc_info=True)
        raise NotebookError(
            f"{path} cannot be written: {error.strerror}.",
            hint="XINFERENCE_MAGICS_STATE sets another folder for such files.",
        ) from None


def open_private(path: Path) -> TextIO:
    """Open a file for writing, readable only by its owner."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    path.chmod(0o600)  # the file may already exist
    return os.fdopen(descriptor, "w", encoding="utf-8")


def open_log(path: Path) -> int:
    """Open a file for appending, readable only by its owner, and return its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def read_private(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty dict if there is none or it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def locked(path: Path, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock file `path` against other threads and processes.

    The lock is released when the process ends, even if it crashes.

    Args:
        path: The lock file, created if missing.
        timeout: Seconds to wait for it; None waits forever.

    Raises:
        TimeoutError: Another holder did not release it in time.
        NotebookError: The file cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(path, -1 if timeout is None else timeout, mode=0o600)
    with _named(path):
        held = lock.acquire()
    with held:
        yield
