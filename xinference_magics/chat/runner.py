"""Run turns: a thread with its own event loop streams, the caller's thread shows.

The streaming thread owns its loop, so a stop cancels exactly the stream and leaves nothing
behind; the notebook's own tasks are never touched. While it runs, SIGINT sets a flag instead of
raising, so an interrupt is handled in one place, whenever it comes. Turns that run together have a
thread each.
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
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from xinference_magics.chat.events import Source
    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.turn import Status

CLOSING_SECONDS = 5.0
"""Seconds that a stopped stream has to close its connection before it is abandoned."""


class View(Protocol):
    """Shows turns while they run; called on one thread only."""

    def poll(self) -> bool:
        """Process what the user has done since the last call; return whether to stop."""
        ...

    def open(self, lives: Sequence[LiveTurn], /) -> None:
        """Show that the requests were sent."""
        ...

    def repaint(self, lives: Sequence[LiveTurn], /) -> None:
        """Show what has arrived since the last call."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a turn ended.

    Attributes:
        status: The turn's status.
        seconds: Seconds from the request to the end.
        error: The exception, if the status is `failed`.
    """

    status: Status
    seconds: float
    error: Exception | None = None


def run(
    streams: Sequence[tuple[Source, LiveTurn]],
    view: View,
    *,
    main_thread: MainThread | None = None,
    frame_seconds: float = 1 / 30,
) -> list[Outcome]:
    """Stream one or more answers concurrently until each ends or all are stopped.

    If one fails, the others continue; a stop or an interrupt ends those that still run.

    Args:
        streams: For each answer, the source that opens its stream, called on its streaming thread
            inside its event loop, and the live turn that receives it.
        view: Shows all of them; repainted at most every `frame_seconds` seconds.
        main_thread: Runs work for the sources on this thread.
        frame_seconds: Seconds between repaints.

    Raises:
        Nothing from the streams: their errors are in the outcomes.
    """
    main_thread = main_thread or MainThread()
    lives = [live for _, live in streams]
    with interrupts.sigint_as_event() as interrupted:
        threads = [_Streaming(source, live, main_thread.wake) for source, live in streams]

        def stop() -> bool:
            view.repaint(lives)
            return interrupted.is_set() or view.poll()

        for each in threads:
            each.start()
        running = threads  # at the last check: an interrupt that arrives as they end is theirs
        try:
            view.open(lives)
            while left := _unfinished(running):
                running = left
                if stop():
                    break
                with _interrupt_into(interrupted):
                    main_thread.work(frame_seconds, stop)
        finally:
            _stop(_unfinished(threads))
        view.repaint(lives)
        hit = running if interrupted.is_set() else []
        return [each.outcome(each in hit, view) for each in threads]


async def consume(
    source: Source, live: LiveTurn, on_first_text: Callable[[], None] = lambda: None
) -> None:
    """Receive the events of one answer, on the running event loop.

    Args:
        source: Opens the stream.
        live: Receives the events.
        on_first_text: Called when the first text or reasoning has arrived.
    """
    async for event in source():
        waited = live.first_token_seconds is None
        live.add(event)
        if waited and live.first_token_seconds is not None:
            on_first_text()


def _unfinished(threads: Iterable[_Streaming]) -> list[_Streaming]:
    return [each for each in threads if not each.finished.is_set()]


def _stop(threads: Sequence[_Streaming]) -> None:
    """Cancel all streams at once, and wait for their connections to close."""
    for each in threads:
        each.cancel()
    for each in threads:
        each.finished.wait(CLOSING_SECONDS)


@contextmanager
def _interrupt_into(interrupted: threading.Event) -> Iterator[None]:
    """Record an interrupt that ended a job, unless Stop ended the job."""
    try:
        yield
    except KeyboardInterrupt as error:
        if not isinstance(error.__cause__, asyncio.CancelledError):
            interrupted.set()


class _Streaming(threading.Thread):
    """Consumes one stream on its own event loop."""

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
        except Exception as error:  # noqa: BLE001 - the cell shows any failure
            self.error = error
        finally:
            self._live.end(self.error)
            self.finished.set()
            self._wake()

    async def _consume(self) -> None:
        self._task = asyncio.current_task()
        if self.stopped:
            return
        # The first text is shown at once, the rest frame by frame.
        await consume(self._source, self._live, on_first_text=self._wake)

    def cancel(self) -> None:
        """Cancel the stream, from another thread."""
        self.stopped = True
        if self._task is not None:
            # A loop that has just closed needs no cancelling.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)

    def outcome(self, interrupted: bool, view: View) -> Outcome:
        """Return how it ended; `interrupted` is whether it was running when an interrupt came."""
        return Outcome(self._status(interrupted, view), self._live.seconds, self.error)

    def _status(self, interrupted: bool, view: View) -> Status:
        if self.stopped and view.poll():
            return "stopped"  # even if the page had to interrupt the kernel to be heard
        if interrupted:
            return "interrupted"
        return "failed" if self.error else "done"
