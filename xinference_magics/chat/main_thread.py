"""Run work on the thread that waits while an answer streams.

The user's tools run there, because a sqlite connection or a matplotlib figure belongs to the thread
that created it. Synchronous functions are called directly, with interrupts as usual. Coroutines run
on the notebook's own event loop, where a client opened by an earlier cell still works; an interrupt
then cancels their task and leaves the user's other tasks running.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.chat.nesting import run_nested

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_TICK = 0.05
"""Seconds between checks whether to stop an asynchronous job."""


@dataclass
class _Job:
    function: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)


class MainThread:
    """Takes functions from the streaming thread and calls them on the waiting thread.

    Args:
        loop: Returns the event loop that runs the user's own coroutines.
    """

    def __init__(
        self, loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        self._loop = loop
        # SimpleQueue.get blocks forever if a signal handler returns after the timeout.
        self._jobs: queue.Queue[_Job | None] = queue.Queue()

    async def call(self, function: Callable[[], Any]) -> Any:
        """Call `function` on the waiting thread, from the streaming thread's loop.

        Args:
            function: Its return value is the result; a coroutine is awaited on that thread too.
        """
        job = _Job(function)
        self._jobs.put(job)
        return await asyncio.wrap_future(job.future)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Await something on this thread, before anything streams.

        Raises:
            KeyboardInterrupt: It was interrupted and cancelled.
        """
        loop = self._loop()
        task = asyncio.ensure_future(_awaited(awaitable), loop=loop)
        try:
            return run_nested(loop, task)
        finally:
            task.cancel()  # no effect on a task that has ended

    def wake(self) -> None:
        """End the wait in `work`, from any thread."""
        self._jobs.put(None)

    def work(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Wait for a job and run it, on the waiting thread.

        Args:
            seconds: How long to wait.
            stop: Called before a job, and several times a second while an asynchronous job runs;
                True cancels it.

        Raises:
            KeyboardInterrupt: The job was interrupted; its caller sees it as cancelled.
        """
        try:
            job = self._jobs.get(timeout=seconds)
        except queue.Empty:
            return
        if job is None or stop() or not job.future.set_running_or_notify_cancel():
            return
        try:
            job.future.set_result(self._do(job.function, stop))
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            job.future.set_exception(asyncio.CancelledError())
            raise KeyboardInterrupt from error
        except Exception as error:  # noqa: BLE001 - passed on to the caller
            job.future.set_exception(error)

    def _do(self, function: Callable[[], Any], stop: Callable[[], bool]) -> Any:
        with interrupts.as_usual():
            result = function()
        return self._await(result, stop) if inspect.isawaitable(result) else result

    def _await(self, awaitable: Any, stop: Callable[[], bool]) -> Any:
        """Run a coroutine on the notebook's loop, which may be running this very cell."""
        return run_nested(self._loop(), _until_stopped(awaitable, stop))


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _until_stopped(awaitable: Any, stop: Callable[[], bool]) -> Any:
    task = asyncio.ensure_future(awaitable)
    while not task.done():
        await asyncio.wait({task}, timeout=_TICK)
        if stop():
            task.cancel()
    return await task
