"""Follow a request that takes a while: its progress, its Cancel button and interrupts."""

from __future__ import annotations

import threading
import time
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NoReturn, Protocol, TypeVar

from xinference_magics import interrupts
from xinference_magics.display.progress import CANCELLING
from xinference_magics.display.views import choose_launch_view
from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.display.progress import LaunchView

Result = TypeVar("Result")

_STEP_SECONDS = 0.05  # seconds between checks of the button and of interrupts
_POLL_SECONDS = 0.3  # seconds between two questions about the progress
_STOPPING_SECONDS = 30.0  # seconds to wait for a server to end a request


class Followed(Protocol):
    """A model whose requests can be followed and stopped."""

    def progress(self, request_id: str) -> float | None:
        """Return how much is done, from 0 to 1."""
        ...

    def stop(self, request_id: str) -> bool:
        """Stop a request; return whether the server stops working on it."""
        ...


class _Work(threading.Thread, Generic[Result]):
    """Runs a request while the main thread follows it."""

    def __init__(self, work: Callable[[], Result]) -> None:
        super().__init__(name="xinference-magics-request", daemon=True)
        self._context = copy_context()
        self._work = work
        self._result: Result | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._context.run(self._work)
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self._error = error

    def result(self) -> Result:
        """Return the result, or raise what the request raised."""
        if self._error is not None:
            raise self._error
        assert self._result is not None  # noqa: S101 - the thread has ended
        return self._result


@dataclass(frozen=True)
class Following:
    """A request that takes a while, as a cell shows it.

    Attributes:
        model: The model that is asked.
        request_id: The ID of the request.
        title: What the cell does.
        doing: The verb for what the model does, such as ``painting``.
    """

    model: Followed
    request_id: str
    title: str
    doing: str

    def run(self, work: Callable[[], Result]) -> Result:
        """Run `work`, which sends the request, in a thread, and show its progress.

        Raises:
            NotebookError: Cancel was clicked.
            KeyboardInterrupt: The kernel was interrupted; the request is stopped.
        """
        view = choose_launch_view()
        running = _Work(work)
        outcome = "failed"
        with interrupts.sigint_as_event() as interrupted:
            view.open(self.title)
            running.start()
            try:
                if not self._ended(running, view, interrupted):
                    outcome = "stopped"
                    self._stop(running, view, interrupted)
                result = running.result()
            except BaseException:
                view.close(outcome, ok=False)
                raise
            view.close(getattr(result, "label", "done"), ok=True)
            return result

    def _ended(self, running: _Work[Result], view: LaunchView, stop: threading.Event) -> bool:
        """Show the progress until the request ends; return False if it is to be stopped."""
        started, asked = time.monotonic(), 0.0
        fraction: float | None = None
        while running.is_alive():
            if stop.is_set() or view.cancel_requested:
                return False
            now = time.monotonic()
            if now - asked >= _POLL_SECONDS:
                asked, fraction = now, self.model.progress(self.request_id)
            stage, note = _said(self.doing, fraction, now - started)
            view.update(stage, fraction, note)
            running.join(_STEP_SECONDS)
        return True

    def _stop(self, running: _Work[Result], view: LaunchView, stop: threading.Event) -> NoReturn:
        """Stop the request, and raise what says whether the server has stopped working on it."""
        view.update(CANCELLING, None)
        stopped = self.model.stop(self.request_id)
        running.join(_STOPPING_SECONDS)
        said = _HAS_STOPPED if stopped and not running.is_alive() else _GOES_ON
        if stop.is_set():
            raise interrupts.one_line(said)
        raise NotebookError(said, hint="Run the cell again to start over.")


_HAS_STOPPED = "Stopped; the server has stopped, too."
_GOES_ON = "Stopped; the server works on it to the end, and other requests may wait for that."


def _said(doing: str, fraction: float | None, seconds: float) -> tuple[str, str]:
    """Return what is being done, and how long it will take."""
    if not fraction:
        return "waiting", ""
    if fraction >= 1:
        return "decoding", ""
    return doing, f"{seconds / fraction - seconds:.0f} s left"
