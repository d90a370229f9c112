"""Run a coroutine on an event loop that is in the middle of a callback: the running cell's.

`nest_asyncio` lets a loop run within itself, but does not handle callbacks whose context is already
entered: they cannot run, and asyncio drops them. ipykernel handles all frontend messages in one
context, the running cell's, so the next cell's request would be lost. Such callbacks wait here
until the inner run has ended, as they do while a cell is busy.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Iterator
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
