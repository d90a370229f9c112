"""Runs one turn: a thread with its own event loop streams, the caller's thread shows.

The streaming thread owns its loop, so a stop cancels exactly the stream and leaves nothing
behind; the notebook's own tasks are never touched. While it runs, SIGINT is a flag and not an
exception: an interrupt is acted upon at one place, whenever it comes.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from xinference_magics import interrupts
from xinference_magics.chat.main_thread import MainThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xinference_magics.chat.events import Source
    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.turn import Status

CLOSING_SECONDS = 5.0
"""How long a stopped stream may take to close its connection before it is left to itself."""


class View(Protocol):
    """What shows a turn while it runs; called on one thread only."""

    @property
    def stop_requested(self) -> bool:
        """Whether the user asked for the turn to end."""
        ...

    def open(self, live: LiveTurn) -> None:
        """Show that the request was sent."""
        ...

    def repaint(self, live: LiveTurn) -> None:
        """Show what has arrived since the last call."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a turn ended.

    Attributes:
        status: The turn's status.
        seconds: From the request to its end.
        error: What failed, where the status is `failed`.
    """

    status: Status
    seconds: float
    error: Exception | None = None


def run(
    source: Source,
    live: LiveTurn,
    view: View,
    *,
    main_thread: MainThread | None = None,
    frame_seconds: float = 1 / 30,
) -> Outcome:
    """Stream an answer into `live`, repainting `view`, until it ends or is stopped.

    Args:
        source: Opens the stream; called on the streaming thread, inside its event loop.
        live: Takes in what arrives.
        view: Shows it; repainted at most every `frame_seconds` seconds.
        main_thread: Through which the source has work done on this thread.
        frame_seconds: Seconds between two repaints.

    Raises:
        Nothing of the stream's: its error is in the outcome.
    """
    main_thread = main_thread or MainThread()
    with interrupts.as_flag() as interrupted:
        streaming = _Streaming(source, live, main_thread.wake)

        def stop() -> bool:
            view.repaint(live)
            return interrupted.is_set() or view.stop_requested

        view.open(live)
        streaming.start()
        try:
            while not streaming.finished.is_set() and not stop():
                with _interrupt_into(interrupted):
                    main_thread.work(frame_seconds, stop)
        finally:
            if not streaming.finished.is_set():
                streaming.stop()
        seconds = live.seconds
        view.repaint(live)
        return Outcome(_status(streaming, interrupted, view), seconds, streaming.error)


@contextmanager
def _interrupt_into(interrupted: threading.Event) -> Iterator[None]:
    """Note an interrupt that ended a job, unless the job was ended by Stop."""
    try:
        yield
    except KeyboardInterrupt as error:
        if not isinstance(error.__cause__, asyncio.CancelledError):
            interrupted.set()


def _status(streaming: _Streaming, interrupted: threading.Event, view: View) -> Status:
    if streaming.stopped and view.stop_requested:
        return "stopped"  # also where the page had to interrupt the kernel to be heard
    if interrupted.is_set():
        return "interrupted"
    return "failed" if streaming.error else "done"


class _Streaming(threading.Thread):
    """Consumes one stream on an event loop of its own."""

    def __init__(self, source: Source, live: LiveTurn, wake: Callable[[], None]) -> None:
        super().__init__(name="xinference-magics-stream", daemon=True)
        self.finished = threading.Event()
        self.stopped = False
        self.error: Exception | None = None
        self._source = source
        self._wake = wake
        self._live = live
        self._context = contextvars.copy_context()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None

    def run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._consume(), context=self._context)
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever failed is shown by the cell
            self.error = error
        finally:
            self.finished.set()
            self._wake()

    async def _consume(self) -> None:
        self._task = asyncio.current_task()
        if self.stopped:
            return
        async for event in self._source():
            self._live.add(event)

    def stop(self) -> None:
        """Cancel the stream and wait for its connection to be closed."""
        self.stopped = True
        if self._task is not None:
            # A loop that has just closed needs no cancelling.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)
        self.finished.wait(CLOSING_SECONDS)
