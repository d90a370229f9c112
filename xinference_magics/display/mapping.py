"""A run over data: a line with a bar while it runs, and a table with its figures afterwards."""

from __future__ import annotations

import shutil
import sys
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TextIO

from xinference_magics.display.amounts import counted
from xinference_magics.display.output import Output
from xinference_magics.display.tables import line_html, table_of
from xinference_magics.plain import neutralise, printable, shortened

if TYPE_CHECKING:
    from xinference_magics.data.progress import Progress
    from xinference_magics.data.run import MapRun

_REPAINT_SECONDS = 0.25
_LINE_SECONDS = 60.0
"""Seconds between the lines of a run that nobody watches."""
_SHOWN_ROWS, _SHOWN_COLUMNS = 10, 8
_CELL_CHARS = 200
"""Characters of a cell in the settled table."""


def figures(progress: Progress) -> str:
    """Describe how far a run has come, in one line."""
    rate, tokens = progress.rates()
    left = progress.left(rate)
    of_all = f" of {progress.total:,}" if progress.total is not None else ""
    many = progress.replicas or 1
    replicas = f" on {many} replicas" if many > 1 else ""
    parts = [
        f"{progress.done:,}{of_all} rows",
        f"{progress.failed:,} failed" if progress.failed else "",
        f"{rate:,.1f} rows/s" if rate else "",
        f"{tokens:,.0f} tokens/s" if tokens else "",
        f"{progress.at_once} at once{replicas}" if progress.at_once else "",
        f"{_duration(left)} left" if left else "",
        f"waiting: {progress.waiting}" if progress.waiting else "",
    ]
    return " · ".join(filter(None, parts))


def summary(run: MapRun) -> str:
    """Describe a run that has ended, in one line."""
    progress = run.progress
    not_reached = run.not_reached
    parts = [
        counted(progress.done, "row"),
        f"{progress.failed:,} failed" if progress.failed else "",
        f"{progress.stored:,} from the answer store" if progress.stored else "",
        f"{not_reached:,} not reached" if not_reached else "",
        f"{progress.cut:,} cut off by max_tokens" if progress.cut else "",
        f"{progress.rows_per_second:,.1f} rows/s" if progress.asked else "",
        f"{progress.output_tokens / progress.seconds:,.0f} tokens/s"
        if progress.output_tokens and progress.seconds
        else "",
        f"{progress.at_once} at once" if progress.asked and progress.at_once else "",
        _duration(progress.seconds),
        run.name,
    ]
    return " · ".join(filter(None, parts))


def bundle(run: MapRun) -> dict[str, Any]:
    """Describe a run that has ended, in every format a saved notebook needs."""
    names, rows = run.preview(_SHOWN_ROWS)
    caption = summary(run)
    if len(rows) < run.reached and rows:
        caption = f"first {len(rows)} of {caption}"
    if not rows:
        return {"text/html": line_html(caption), "text/plain": neutralise(caption)}
    shown = [*names[: _SHOWN_COLUMNS - run.width], *names[-run.width :]]
    kept = [name for name in dict.fromkeys(shown) if name in names]
    picked = [[_cell(row.get(name)) for name in kept] for row in rows]
    hidden = len(names) - len(kept)
    if hidden > 0:
        caption += f" · {counted(hidden, 'column')} not shown"
    table = table_of(picked, *kept, caption=caption)
    return {"text/html": table.html, "text/plain": table.text}


def settled(run: MapRun) -> dict[str, Any]:
    """Describe a run that may be going on; its repr is shown then."""
    return bundle(run) if run.done else {}


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return shortened(" ".join(printable(str(value)).split()), _CELL_CHARS)


def _duration(seconds: float) -> str:
    if seconds < 100:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


class MapView(ABC):
    """Shows a run while it is going on."""

    in_page = False
    """Whether its cell shows the settled form, so that nothing else has to."""

    def poll(self) -> bool:
        """Return whether the user wants it to stop."""
        return False

    @abstractmethod
    def open(self, title: str, progress: Progress) -> None:
        """Show what is starting."""

    @abstractmethod
    def update(self, progress: Progress) -> None:
        """Show how far it has come."""

    @abstractmethod
    def close(self, run: MapRun) -> None:
        """Show how it ended."""


class LineMapView(MapView):
    """Prints a line: rewritten in a terminal, a new one each minute elsewhere.

    Args:
        stream: Where to print.
        output: Whether a notebook shows the table in the end.
    """

    def __init__(self, stream: TextIO | None = None, *, output: bool = False) -> None:
        self._stream = stream or sys.stdout
        self._output = output
        self._title = ""
        self._printed = time.monotonic()

    def open(self, title: str, progress: Progress) -> None:  # noqa: ARG002  # of the base class
        """Print nothing yet: most runs are over before somebody wonders."""
        self._title = neutralise(title)

    def update(self, progress: Progress) -> None:
        """Rewrite the line in a terminal, or print one a minute."""
        now = time.monotonic()
        rewrites = self._stream.isatty()
        if now - self._printed < (_REPAINT_SECONDS if rewrites else _LINE_SECONDS):
            return
        self._printed = now
        line = " ".join(neutralise(f"{self._title} · {figures(progress)}").split())
        if rewrites:
            line = line[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"\r\x1b[K{line}")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def close(self, run: MapRun) -> None:
        """Leave the table and the figures."""
        if self._stream.isatty():
            self._stream.write("\r\x1b[K")
        made = bundle(run)
        if self._output:
            Output().show(made)
            return
        self._stream.write(f"{made['text/plain']}\n")
        self._stream.flush()


class UnseenMapView(MapView):
    """Shows nothing: the cell that uses the run shows it."""

    def open(self, title: str, progress: Progress) -> None:
        """Show nothing."""

    def update(self, progress: Progress) -> None:
        """Show nothing."""

    def close(self, run: MapRun) -> None:
        """Show nothing."""
