"""Which cell is running, and what IPython must not rewrite in it."""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.conversation import Execution

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

MAGIC = r"(?P<magic>x?chat|generate|conversation|xinference)"
"""The name of one of our magics, as a regular expression."""

_CALL = re.compile(
    rf"(?P<indent>\s*)(?P<target>[^%\n]*[^=!<>%\n]=\s*)?%{MAGIC}\s+(?P<line>\S.*)$", re.DOTALL
)
_CELL = re.compile(rf"%%{MAGIC}(?:[ \t]+(?P<line>.*))?$")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line as Python has it; ``str.splitlines`` knows more ends."""

_PROMPTED = {"chat", "xchat", "generate"}
"""Commands that take a prompt, which may end in a question mark."""


class CellTracker:
    """Knows the execution that is going on, from IPython's ``pre_run_cell`` event."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._request = ""
        self.current = Execution(0)

    def pre_run_cell(self, info: ExecutionInfo) -> None:
        """Note the start of a cell; registered for IPython's event of that name.

        A cell that runs inside another one (``%%capture``, ``%run``) belongs to the outer one:
        both come from the same request of the front end.
        """
        request = str(self._message().get("header", {}).get("msg_id", ""))
        if not request or request != self._request:
            self._request = request
            self.current = Execution(self.current.number + 1, info.cell_id)

    def deleted_cells(self) -> list[str]:
        """Ids of cells deleted since the last request, which JupyterLab tells with each one."""
        deleted = self._message().get("metadata", {}).get("deletedCells") or []
        return [cell for cell in deleted if isinstance(cell, str)]

    def _message(self) -> dict[str, Any]:
        """The request that is being executed; empty outside of a kernel."""
        kernel = getattr(self._shell, "kernel", None)
        return (kernel.get_parent() if kernel is not None else None) or {}


def keep_body(lines: list[str]) -> list[str]:
    """Keep IPython from changing what stands below a magic of ours.

    Its own clean-up takes prompts (``>>>``, ``In [1]:``) and common indentation from all lines
    of a cell, and empties those that are all spaces: a prompt for a model is no Python.

    The first entry of IPython's ``input_transformers_cleanup``: gets and returns the lines of a
    cell.
    """
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    match = _CELL.match(lines[start].rstrip()) if lines else None
    if match is None:
        return lines
    body = "".join(lines[start + 1 :])
    call = f"run_cell_magic({match['magic']!r}, {match['line'] or ''!r}, {body!r})"
    return [f"get_ipython().{call}\n"]


vars(keep_body)["has_side_effects"] = True
"""A terminal asks IPython whether a cell is complete: it has to see the magic, not the call."""


def keep_lines(lines: list[str]) -> list[str]:
    """Keep IPython from reading more into a line of ours than stands there.

    It takes ``%chat is it so?`` for a request for help on ``so``, ends a line at each of Unicode's
    line separators, and takes off a backslash at the end.

    An entry of IPython's ``input_transformers_cleanup``, before its own and after them: it gets
    and returns the lines of a cell. ``%xinference COMMAND?`` becomes one with ``--help``.
    """
    if not lines or lines[0].startswith("%%"):
        return lines
    kept: list[str] = []
    lines = _LINE.findall("".join(lines))
    for number, line in enumerate(lines):
        goes_on = line.endswith("\\\n") and number < len(lines) - 1
        call = None if goes_on else _call(line)
        kept.append(call if call and not _inside_statement(kept) else line)
    return kept


def _call(line: str) -> str | None:
    """Write a line of ours as the call that it stands for; None where IPython may do it."""
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
    """Whether what stands before leaves a string or a bracket open."""
    try:
        list(tokenize.generate_tokens(io.StringIO("".join(lines)).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        return "multi-line" in str(error) or "triple-quoted" in str(error)
    return False
