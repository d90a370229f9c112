"""The line of ``%%map``: an expression, which ends where the first option begins."""

from __future__ import annotations

import re
from os.path import expanduser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xinference_magics.data.files import kind_of
from xinference_magics.notebook.prompt.expand import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r"""\s+(?=--?[A-Za-z])|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[(\[{]|[)\]}]""")
_OPENING, _CLOSING = "([{", ")]}"
_ROOT = re.compile(r"[^\W\d]\w*")


def split(line: str) -> tuple[str, str]:
    """Split a line into the expression and the options after it."""
    depth = 0
    for token in _TOKEN.finditer(line):
        if token[0] in _OPENING:
            depth += 1
        elif token[0] in _CLOSING:
            depth -= 1
        elif token[0].isspace() and depth <= 0:
            return line[: token.start()].strip(), line[token.end() :]
    return line.strip(), ""


def meant(text: str, variables: Mapping[str, Any]) -> Any:
    """Return the data that an expression or a bare path means.

    Raises:
        PromptError: It is no path, and does not parse, names something unknown, or fails.
    """
    root = _ROOT.match(text)
    is_variable = root is not None and root[0] in variables
    if kind_of(text) and not is_variable and (_is_bare(text) or Path(expanduser(text)).is_file()):  # noqa: PTH111
        return Path(text)
    return evaluate(text, variables, option="%%map DATA")


def _is_bare(text: str) -> bool:
    """Return whether this can only be a path: nothing in it is Python's."""
    return not re.search(r"""["'()\[\]{}]""", text)
