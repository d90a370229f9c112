"""Files that only their owner can read, and the locks between processes that write them."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


def state_folder() -> Path:
    """Return where this package keeps its files; ``$XINFERENCE_MAGICS_STATE`` moves it."""
    from platformdirs import user_state_dir

    return Path(os.environ.get("XINFERENCE_MAGICS_STATE") or user_state_dir("xinference-magics"))


def write_private(path: Path, content: object) -> None:
    """Write JSON that only its owner can read, at once or not at all.

    Raises:
        NotebookError: It cannot be written; what was there stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with _named(path):
        try:
            with open_private(draft) as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can read, where it is missing.

    Raises:
        NotebookError: It cannot be made.
    """
    with _named(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file it is that cannot be written."""
    try:
        yield
    except TimeoutError:  # of a lock
        raise
    except OSError as error:
        _log.debug("A file cannot be written", exc_info=True)
        raise NotebookError(
            f"{path} cannot be written: {error.strerror}.",
            hint="XINFERENCE_MAGICS_STATE sets another folder for such files.",
        ) from None


def open_private(path: Path) -> TextIO:
    """Open a file for writing that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    path.chmod(0o600)  # it may have been there
    return os.fdopen(descriptor, "w", encoding="utf-8")


def open_log(path: Path) -> int:
    """Open a file that only its owner can read for appending, and return its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def read_private(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def locked(path: Path, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock that is the file `path`, against other threads and processes.

    It is let go at the end of the process, a crash included.

    Args:
        path: The file, made where it is missing.
        timeout: Seconds to wait for it; None waits for ever.

    Raises:
        TimeoutError: Another had it for so long.
        NotebookError: The file cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(path, -1 if timeout is None else timeout, mode=0o600)
    with _named(path):
        held = lock.acquire()
    with held:
        yield
