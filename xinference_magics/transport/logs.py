"""Log requests, but never a header, a key, or the content of a request or response."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from logging import Logger
    from types import TracebackType


class timed(AbstractContextManager["timed"]):  # noqa: N801  # used as a function
    """Log a request when it has ended: method, path, status, seconds and its id.

    Args:
        log: The logger.
        level: The log level.
        method: GET, POST, ...
        path: The requested path; its query is omitted.
        request_id: The `request_id` that is sent with it, if any.
        status: The status of its response unless it fails; can be set once it is known.
    """

    def __init__(  # noqa: PLR0913  # what is logged
        self,
        log: Logger,
        level: int,
        method: str,
        path: str,
        request_id: str | None = None,
        *,
        status: int | None = None,
    ) -> None:
        self._log = log
        self._level = level
        self._what = f"{method} {path.partition('?')[0]}"
        self._request_id = request_id
        self.status = status

    def __enter__(self) -> Self:
        """Start the clock."""
        self._begun = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Log it; an error is identified by its status, or by its class if there is no response."""
        failed = kind.__name__ if kind else None
        outcome = getattr(error, "status", None) or failed or self.status
        seconds = time.monotonic() - self._begun
        asked = f", request {self._request_id}" if self._request_id else ""
        self._log.log(self._level, "%s: %s in %.3f s%s", self._what, outcome, seconds, asked)


class dropped(suppress):  # noqa: N801  # used as a function
    """Suppress exceptions as `contextlib.suppress` does, and log each with its traceback.

    Args:
        log: The logger.
        kinds: The exception classes.
    """

    def __init__(self, log: Logger, *kinds: type[BaseException]) -> None:
        super().__init__(*kinds)
        self._log = log

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Log what is suppressed."""
        suppressed = super().__exit__(kind, error, trace)
        if suppressed:
            self._log.debug("Ignored an error", exc_info=error)
        return suppressed
