"""Store this package's latest log records for bug reports: ``%xinference logs --client``.

While the extension is loaded, the ``xinference_magics`` logger accepts all levels, so that there
is something to look at after an error. Users who have configured logging see no more of it than
before: `_PassOn` replaces the propagation of records and respects the user's level.
"""

from __future__ import annotations

import logging
import re
from collections import deque

LOGGER = "xinference_magics"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_RECORDS = 1000
EVERY_LEVEL = 1
"""The level that accepts every record; any other level was set by the user."""

_SECRET = re.compile(r"(?i)(bearer\s+)[^\s'\"]+|(//[^\s/:@]*:)[^\s/'\"]+(?=@)|\bsk-[\w-]+")


class ClientLog(logging.Handler):
    """Store the latest records as text; the records would keep the frames of exceptions alive.

    Args:
        level: The lowest level to store, by name.
    """

    def __init__(self, level: str) -> None:
        super().__init__(level)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._texts: deque[str] = deque(maxlen=MAX_RECORDS)
        self._pass_on = _PassOn()
        self._before = (logging.NOTSET, True)

    def emit(self, record: logging.LogRecord) -> None:
        """Store a record, without anything that looks like a secret.

        This package logs no secrets, but library messages in tracebacks may contain them.
        """
        self._texts.append(_SECRET.sub(r"\1\2••••", self.format(record)))

    def lines(self) -> list[str]:
        """Return the lines of the stored records, oldest first."""
        return [line for text in self._texts.copy() for line in text.splitlines()]

    def install(self) -> None:
        """Start storing records."""
        logger = logging.getLogger(LOGGER)
        self._before = (logger.level, logger.propagate)
        if logger.level == logging.NOTSET:
            logger.setLevel(EVERY_LEVEL)
        logger.propagate = False
        logger.addHandler(self)
        logger.addHandler(self._pass_on)

    def remove(self) -> None:
        """Restore the logger, except for a level that the user has set since."""
        logger = logging.getLogger(LOGGER)
        logger.removeHandler(self)
        logger.removeHandler(self._pass_on)
        level, logger.propagate = self._before
        if logger.level == EVERY_LEVEL:
            logger.setLevel(level)


class _PassOn(logging.Handler):
    """Give the root logger's handlers what they would get if the level had not been changed."""

    def emit(self, record: logging.LogRecord) -> None:
        own, root = logging.getLogger(LOGGER).level, logging.getLogger()
        if record.levelno >= (root.level if own == EVERY_LEVEL else own):
            root.handle(record)


def kept_lines() -> list[str]:
    """Return the lines stored by the logger's `ClientLog`; none if the extension isn't loaded."""
    handlers = logging.getLogger(LOGGER).handlers
    return [line for each in handlers if isinstance(each, ClientLog) for line in each.lines()]
