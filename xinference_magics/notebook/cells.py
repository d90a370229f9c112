"""Which cell is running, and what IPython must not rewrite in it."""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.conversation import Execution

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, InteractiveShell

_QUESTION = re.compile(
    r"""(?P<indent>\s*)(?P<target>[^%\n]*[^=!<>%\n]=\s*)?
        %(?P<magic>x?chat|generate|conversation|xinference)\s+(?P<line>\S.*\?)\s*$""",
    re.VERBOSE,
)

_PROMPTED = {"chat", "generate"}
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


def keep_questions(lines: list[str]) -> list[str]:
    """Keep IPython from taking ``%chat is it so?`` for a request for help on ``so``.

    An entry of IPython's ``input_transformers_cleanup``: gets and returns the lines of a cell.
    ``%xinference COMMAND?`` becomes ``%xinference COMMAND --help``.
    """
    if not lines or lines[0].startswith("%%"):
        return lines
    kept: list[str] = []
    for line in lines:
        match = _QUESTION.match(line)
        kept.append(_call(match) if match and not _inside_statement(kept) else line)
    return kept


def _call(match: re.Match[str]) -> str:
    line = match["line"]
    prompted = match["magic"] == "xinference" and line.split()[0] in _PROMPTED
    if match["magic"] in {"xinference", "conversation"} and not prompted:
        line = line.rstrip("?") + " --help"
    target = match["target"] or ""
    call = f"get_ipython().run_line_magic({match['magic']!r}, {line!r})"
    return f"{match['indent']}{target}{call}\n"


def _inside_statement(lines: list[str]) -> bool:
    """Whether what stands before leaves a string or a bracket open."""
    try:
        list(tokenize.generate_tokens(io.StringIO("".join(lines)).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        return "multi-line" in str(error) or "triple-quoted" in str(error)
    return False
