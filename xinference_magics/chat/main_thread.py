"""Work for the thread that waits while an answer streams.

The user's tools run there: a sqlite connection or a figure of matplotlib belongs to the thread
that made it. What is synchronous is called as it is, with interrupts as usual. What is
asynchronous runs on the notebook's own event loop, where a client that an earlier cell has
opened works; an interrupt then cancels its task and leaves the user's others alive.
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
"""Seconds between two looks at whether an asynchronous job is to be stopped."""


@dataclass
class _Job:
    function: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)


class MainThread:
    """Takes functions from the streaming thread and calls them on the waiting one.

    Args:
        loop: Returns the event loop on which the user's own coroutines run.
    """

    def __init__(
        self, loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        self._loop = loop
        # A SimpleQueue waits for ever where a signal's handler ends after the timeout.
        self._jobs: queue.Queue[_Job | None] = queue.Queue()

    async def call(self, function: Callable[[], Any]) -> Any:
        """Call `function` on the waiting thread, from the streaming thread's loop.

        Args:
            function: What it returns is the result; a coroutine is awaited there, too.
        """
        job = _Job(function)
        self._jobs.put(job)
        return await asyncio.wrap_future(job.future)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Await something on this thread, before anything streams.

        Raises:
            KeyboardInterrupt: It was interrupted, and is cancelled.
        """
        loop = self._loop()
        task = asyncio.ensure_future(_awaited(awaitable), loop=loop)
        try:
            return run_nested(loop, task)
        finally:
            task.cancel()  # one that has ended does not notice

    def wake(self) -> None:
        """End the wait of `work`, from any thread."""
        self._jobs.put(None)

    def work(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Wait for a job and do it, on the waiting thread.

        Args:
            seconds: How long to wait.
            stop: Asked before a job, and some times a second while an asynchronous one runs;
                True cancels it.

        Raises:
            KeyboardInterrupt: The job was interrupted; its caller is told, too.
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
        except Exception as error:  # noqa: BLE001 - it is the caller's
            job.future.set_exception(error)

    def _do(self, function: Callable[[], Any], stop: Callable[[], bool]) -> Any:
        with interrupts.as_usual():
            result = function()
        return self._await(result, stop) if inspect.isawaitable(result) else result

    def _await(self, awaitable: Any, stop: Callable[[], bool]) -> Any:
        """Run a coroutine on the notebook's loop, which may be in the middle of this very cell."""
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
