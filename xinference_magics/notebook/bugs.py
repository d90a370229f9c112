"""Report a bug in this package as one line in the cell that says where its traceback is."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING

from xinference_magics.errors import XinferenceError, shown_as
from xinference_magics.transport.traces import from_supplier

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

_PACKAGE = "xinference_magics"
_CALLED = {
    *sys.stdlib_module_names,
    "aiohttp",
    "filelock",
    "markdown_it",
    "numpy",
    "PIL",
    "psutil",
    "pydantic",
    "pydantic_core",
    "pygments",
    "requests",
    "urllib3",
    "xinference_client",
    "yaml",
}
"""Libraries that only this package calls: an error inside them means that it misused them."""
_EXPECTED = {"IPython", "langchain_core"}
"""Packages whose exceptions are intentional, such as `OutputParserException`."""


@contextmanager
def bugs_in_one_line() -> Iterator[None]:
    """Report an unexpected exception from this package as a bug, in one line.

    The exception is logged with its traceback and keeps its type. User code that fails in the
    block, in a chain or a tool, keeps its own traceback.
    """
    try:
        yield
    except Exception as error:
        if place := place_of_bug(error):
            _log.exception("A bug in %s at %s", _PACKAGE, place)
            _explain(error, place)
        raise


def place_of_bug(error: BaseException) -> str:
    """Return the module and line in this package where a bug surfaced; empty for other errors."""
    package = type(error).__module__.partition(".")[0]
    expected = isinstance(error, XinferenceError) or package in _EXPECTED
    if expected or from_supplier(error):
        return ""
    for frame, line in reversed([*walk_tb(error.__traceback__)]):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == _PACKAGE:
            return f"{module}, line {line}"
        if module.partition(".")[0] not in _CALLED:
            return ""
    return ""


def _explain(error: Exception, place: str) -> None:
    said = f"{type(error).__name__}: {error}"
    line = (
        f"{said.rstrip('.')}. This is a bug in {_PACKAGE} ({place}), not in your code or on the "
        "server. Please report it with the traceback: %tb, or %xinference logs --client, shows it."
    )
    shown_as(error, line)
