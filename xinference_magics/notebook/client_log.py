"""What this package has logged last, for a bug report: ``%xinference logs --client``.

While the extension is loaded, the logger ``xinference_magics`` is open for all levels, so that
there is something to look at after an error. A user who has set up logging still sees no more of
it than before: `_PassOn` stands in for the propagation of records and keeps to the user's level.
"""

from __future__ import annotations

import logging
import re
from collections import deque

LOGGER = "xinference_magics"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_RECORDS = 1000
EVERY_LEVEL = 1
"""The level of the open logger; any other was set by the user."""

_SECRET = re.compile(r"(?i)(bearer\s+|//[^\s/:@]*:)[^\s'\"@]+|\bsk-[\w-]+")


class ClientLog(logging.Handler):
    """Keeps the last records as text: a record itself would keep the frames of its exception alive.

    Args:
        level: The lowest level to keep, by name.
    """

    def __init__(self, level: str) -> None:
        super().__init__(level)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._texts: deque[str] = deque(maxlen=MAX_RECORDS)
        self._pass_on = _PassOn()
        self._before = (logging.NOTSET, True)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, without what looks like a secret.

        The package logs none; this is for messages of libraries, in tracebacks.
        """
        self._texts.append(_SECRET.sub(r"\1••••", self.format(record)))

    def lines(self) -> list[str]:
        """Return the lines of the records that are kept, oldest first."""
        return [line for text in self._texts.copy() for line in text.splitlines()]

    def install(self) -> None:
        """Begin to keep records."""
        logger = logging.getLogger(LOGGER)
        self._before = (logger.level, logger.propagate)
        if logger.level == logging.NOTSET:
            logger.setLevel(EVERY_LEVEL)
        logger.propagate = False
        logger.addHandler(self)
        logger.addHandler(self._pass_on)

    def remove(self) -> None:
        """Leave the logger as it was, but for a level that the user has set since."""
        logger = logging.getLogger(LOGGER)
        logger.removeHandler(self)
        logger.removeHandler(self._pass_on)
        level, logger.propagate = self._before
        if logger.level == EVERY_LEVEL:
            logger.setLevel(level)


class _PassOn(logging.Handler):
    """Gives the root logger's handlers what they would get if the logger had not been opened."""

    def emit(self, record: logging.LogRecord) -> None:
        own, root = logging.getLogger(LOGGER).level, logging.getLogger()
        if record.levelno >= (root.level if own == EVERY_LEVEL else own):
            root.handle(record)


def kept_lines() -> list[str]:
    """Return the lines that the logger's `ClientLog` keeps; none where the extension has none."""
    handlers = logging.getLogger(LOGGER).handlers
    return [line for each in handlers if isinstance(each, ClientLog) for line in each.lines()]
