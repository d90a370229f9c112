"""Earlier cells, their outputs and errors, from IPython's own history of this session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.values import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from IPython.core.history import HistoryManager

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_MAX_OUTPUT_CHARS = 4_000
"""Maximum characters of an output; a longer one is cut, with a note."""
_STREAMS = ("out_stream", "err_stream")


class Errors(Mapping[int, str]):
    """Tracebacks by cell number, available as ``Err`` in a prompt.

    Args:
        history: IPython's record of the session.
    """

    def __init__(self, history: HistoryManager) -> None:
        self._stored: dict[int, dict[str, Any]] = history.exceptions

    def __getitem__(self, number: int) -> str:
        lines = self._stored[number].get("traceback") or ()
        return _ANSI.sub("", "\n".join(lines))

    def __iter__(self) -> Iterator[int]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def described(history: HistoryManager, numbers: Iterable[int]) -> str:
    """Format cells with their outputs for a model to read.

    Raises:
        PromptError: A cell was not run in this session.
    """
    return "\n\n".join(_cell(history, number) for number in numbers)


def last_cells(history: HistoryManager, count: int) -> list[int]:
    """Return the numbers of the last `count` non-empty cells before the running one."""
    sources = _sources(history)
    numbers = [number for number in range(1, _running(history)) if sources[number].strip()]
    return numbers[-count:]


def _sources(history: HistoryManager) -> list[str]:
    """Return the source of each cell as typed, indexed by cell number."""
    typed: list[str] = history.input_hist_raw
    return typed


def _running(history: HistoryManager) -> int:
    """Return the number of the running cell, the last one that IPython recorded."""
    return len(_sources(history)) - 1


def last_failed(history: HistoryManager) -> int:
    """Return the number of the last cell that raised an error.

    Raises:
        PromptError: No cell has failed.
    """
    failed = [number for number in Errors(history) if number < _running(history)]
    if not failed:
        raise PromptError(
            "--fix: no cell of this session has failed yet.", hint="Run the cell that fails first."
        )
    return max(failed)


def _cell(history: HistoryManager, number: int) -> str:
    sources = _sources(history)
    if not 0 < number < _running(history):
        raise PromptError(
            f"There is no cell {number} before this one.",
            hint=f"Cells are numbered as in In[1]; the last one is {_running(history) - 1}.",
        )
    parts = [f"In [{number}]:\n```python\n{sources[number].rstrip()}\n```"]
    outputs = "".join(_outputs(history, number)).strip()
    if outputs:
        written = cut(outputs, f"Out[{number}]", _MAX_OUTPUT_CHARS)
        parts.append(f"Out [{number}]:\n```\n{written}\n```")
    if number in (errors := Errors(history)):
        written = cut(errors[number], f"Err[{number}]", _MAX_OUTPUT_CHARS, end=True)
        parts.append(f"Error in [{number}]:\n```\n{written}\n```")
    return "\n".join(parts)


def _outputs(history: HistoryManager, number: int) -> Iterator[str]:
    stored = history.outputs
    for output in stored.get(number, ()):
        name = "stream" if output.output_type in _STREAMS else "text/plain"
        text = output.bundle.get(name) or ""
        text = "".join(text) if isinstance(text, list) else text
        yield _ANSI.sub("", text) + ("" if output.output_type in _STREAMS else "\n")
