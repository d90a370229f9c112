"""Run work on the thread that waits while an answer streams.

The user's tools run there, because a sqlite connection or a matplotlib figure belongs to the thread
that created it. Synchronous functions are called directly, with interrupts as usual. Coroutines run
on the notebook's own event loop, where a client opened by an earlier cell still works; an interrupt
then cancels their task and leaves the user's other tasks running.

That loop is in the middle of a callback, the running cell's. `nest_asyncio` lets a loop run within
itself, but does not handle callbacks whose context is already entered: they cannot run, and asyncio
drops them. ipykernel handles all frontend messages in one context, the running cell's, so the next
cell's request would be lost. Such callbacks wait here until the inner run has ended, as they do
while a cell is busy.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
import sys
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextvars import Context


def run_nested(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any]) -> Any:
    """Run a coroutine or task to completion, on a loop that may be running on this thread."""
    if not loop.is_running():
        return loop.run_until_complete(awaitable)
    import nest_asyncio

    nest_asyncio.apply(loop)
    _close_what_is_left(type(loop))
    with _held_back(loop):
        return loop.run_until_complete(awaitable)


def _close_what_is_left(kind: Any) -> None:
    """Make the loops of a class close asynchronous generators that are not read to the end.

    `nest_asyncio` replaces `run_until_complete` for the whole class, including the loops of other
    threads, and omits this: anything such a generator holds, such as a connection, would stay open.
    """
    run = kind.run_until_complete
    if run.__module__ != "nest_asyncio":
        return

    def run_until_complete(loop: Any, awaitable: Awaitable[Any]) -> Any:
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(
            loop._asyncgen_firstiter_hook,  # noqa: SLF001
            loop._asyncgen_finalizer_hook,  # noqa: SLF001
        )
        try:
            return run(loop, awaitable)
        finally:
            sys.set_asyncgen_hooks(*before)

    kind.run_until_complete = run_until_complete


@contextmanager
def _held_back(loop: Any) -> Iterator[None]:
    """Hold back callbacks that cannot run until the block has ended.

    The attributes are those of `asyncio.BaseEventLoop`, which `nest_asyncio` replaces too.
    """
    run_once, held = loop._run_once, []  # noqa: SLF001

    def run_what_can() -> None:
        ready = loop._ready  # noqa: SLF001
        waiting = [handle for handle in ready if _is_entered(handle._context)]  # noqa: SLF001
        for handle in waiting:
            ready.remove(handle)
        held.extend(waiting)
        run_once()

    loop._run_once = run_what_can  # noqa: SLF001
    try:
        yield
    finally:
        loop._run_once = run_once  # noqa: SLF001
        loop._ready.extendleft(reversed(held))  # noqa: SLF001


def _is_entered(context: Context) -> bool:
    try:
        context.run(int)
    except RuntimeError:
        return True
    return False


_TICK_SECONDS = 0.05
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
        with interrupts.default_sigint():
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
        await asyncio.wait({task}, timeout=_TICK_SECONDS)
        if stop():
            task.cancel()
    return await task
