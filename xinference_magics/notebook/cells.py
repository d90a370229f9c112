"""Track the running cell, and keep IPython from rewriting its prompt."""

from __future__ import annotations

import io
import re
import tokenize
from datetime import datetime
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.conversation import Execution

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

MAGIC = r"(?P<magic>x?chat|generate|map|conversation|xinference)"
"""Regular expression for the name of one of our magics."""

_CALL = re.compile(
    rf"(?P<indent>\s*)(?P<target>[^%\n]*[^=!<>%\n]=\s*)?%{MAGIC}\s+(?P<line>\S.*)$", re.DOTALL
)
_CELL = re.compile(rf"%%{MAGIC}(?:[ \t]+(?P<line>.*))?$")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line as Python defines it; ``str.splitlines`` also splits at other characters."""

_PROMPTED = {"chat", "xchat", "generate", "map"}
"""Commands that take a prompt, which may end in a question mark."""


class CellTracker:
    """Track the current execution through IPython's ``pre_run_cell`` event."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._request = ""
        self.current = Execution(0)

    def pre_run_cell(self, info: ExecutionInfo) -> None:
        """Record the start of a cell; registered for the IPython event of that name.

        A cell that runs inside another (``%%capture``, ``%run``) counts as the outer one, because
        both come from the same frontend request.
        """
        request = str(self._message().get("header", {}).get("msg_id", ""))
        if not request or request != self._request:
            self._request = request
            self.current = Execution(self.current.number + 1, info.cell_id)

    def deleted_cells(self) -> list[str]:
        """Return the ids of cells deleted since the last request; JupyterLab sends them."""
        deleted = self._message().get("metadata", {}).get("deletedCells") or []
        return [cell for cell in deleted if isinstance(cell, str)]

    def sent(self) -> float:
        """Return when the frontend sent the request, in seconds since the epoch; 0 if unknown."""
        date = self._message().get("header", {}).get("date")
        return date.timestamp() if isinstance(date, datetime) else 0.0

    def _message(self) -> dict[str, Any]:
        """Return the request that is being executed; empty outside a kernel."""
        kernel = getattr(self._shell, "kernel", None)
        return (kernel.get_parent() if kernel is not None else None) or {}


def keep_body(lines: list[str]) -> list[str]:
    """Keep IPython from changing the cell body below one of our magics.

    IPython's cleanup strips prompts (``>>>``, ``In [1]:``) and common indentation from all lines
    of a cell, and empties lines of only spaces. But a prompt for a model isn't Python.

    This is the first entry of IPython's ``input_transformers_cleanup``: it takes and returns the
    lines of a cell.
    """
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    match = _CELL.match(lines[start].rstrip()) if lines else None
    if match is None:
        return lines
    body = "".join(lines[start + 1 :]) or "\n"  # IPython rejects an empty body, without an output
    call = f"run_cell_magic({match['magic']!r}, {match['line'] or ''!r}, {body!r})"
    return [f"get_ipython().{call}\n"]


vars(keep_body)["has_side_effects"] = True
"""A terminal asks IPython if a cell is complete; that check must see the magic, not the call."""


def keep_lines(lines: list[str]) -> list[str]:
    """Keep IPython from reinterpreting a line with one of our magics.

    IPython reads ``%chat is it so?`` as a request for help on ``so``, ends a line at every Unicode
    line separator, and strips a trailing backslash.

    This is an entry of IPython's ``input_transformers_cleanup``, both before and after IPython's
    own: it takes and returns the lines of a cell. A question mark after ``%xinference COMMAND``
    becomes ``--help``.
    """
    if not lines or lines[0].startswith("%%"):
        return lines
    kept: list[str] = []
    lines = _LINE.findall("".join(lines))
    for number, line in enumerate(lines):
        continued = line.endswith("\\\n") and number < len(lines) - 1
        call = None if continued else _call(line)
        kept.append(call if call and not _inside_statement(kept) else line)
    return kept


def _call(line: str) -> str | None:
    """Return the call for a line with one of our magics; None to leave it to IPython."""
    match = _CALL.match(line)
    if match is None:
        return None
    magic, said = match["magic"], match["line"].rstrip()
    if magic not in _PROMPTED and not said.endswith("?"):
        return None
    if magic not in _PROMPTED and (magic != "xinference" or said.split()[0] not in _PROMPTED):
        said = said.rstrip("?") + " --help"
    call = f"get_ipython().run_line_magic({magic!r}, {said!r})"
    return f"{match['indent']}{match['target'] or ''}{call}\n"


def _inside_statement(lines: list[str]) -> bool:
    """Return whether `lines` leave a string or a bracket open."""
    try:
        list(tokenize.generate_tokens(io.StringIO("".join(lines)).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        return "multi-line" in str(error) or "triple-quoted" in str(error)
    return False
