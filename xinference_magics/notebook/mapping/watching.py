"""Wait for a run in its cell, or let it go on while other cells run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.notes import show, wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.data.run import MapRun
    from xinference_magics.display.mapping import MapView
    from xinference_magics.notebook.cell_context import CellContext

_STEP_SECONDS = 0.05
_STOP_SECONDS = 10.0
"""Seconds that a stopped run has to store what has arrived."""
_MOST_NOTES = 5


def watch(cell: CellContext, run: MapRun, keep: Callable[[], None]) -> MapRun:
    """Show a run until it has ended, and keep its result, however it ended.

    Args:
        cell: The cell that waits.
        run: The run, which is started here.
        keep: Keeps the result.

    Raises:
        XinferenceError: The run could not go on.
        KeyboardInterrupt: The kernel was interrupted.
    """
    view = cell.screen.map_view(background=False)
    with interrupts.sigint_as_event() as flag:
        run.start()
        view.open(run.name, run.progress)
        try:
            _follow(run, view, flag)
        finally:
            run.stop_and_wait(_STOP_SECONDS)
        notes = wanted(run.take_notes())
        keep()
        view.close(run)
    _show(notes)
    if flag.is_set():
        raise interrupts.one_line(
            f"The run was interrupted after {run.progress.done:,} rows, which are kept: run the "
            "cell again, and only the rest is asked."
        )
    if run.error is not None:
        raise run.error
    return run


def watch_later(cell: CellContext, run: MapRun) -> MapRun:
    """Show a run while other cells run; it ends with the kernel."""
    view = cell.screen.map_view(background=True)
    view.open(run.name, run.progress)
    run.start()
    cell.session.runs.keep_until_exit(run)

    def follow() -> None:
        _follow(run, view, threading.Event())
        view.close(run)

    threading.Thread(target=follow, name="xinference-magics-map-view", daemon=True).start()
    return run


def _follow(run: MapRun, view: MapView, flag: threading.Event) -> None:
    while not run.done:
        if flag.is_set() or view.poll():
            run.stop()
        view.update(run.progress)
        run.wait_briefly(_STEP_SECONDS)


def _show(notes: list[str]) -> None:
    show(notes[:_MOST_NOTES])
    if len(notes) > _MOST_NOTES:
        show([f"{len(notes) - _MOST_NOTES} more notes like these."])
