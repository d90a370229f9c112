"""Running a coroutine on an event loop that is in the middle of a callback: the running cell's.

`nest_asyncio` lets a loop run within itself. What it does not see to is that a callback cannot run
in a context that is entered already: asyncio then drops the callback. ipykernel handles all of the
front end's messages in one context, the running cell's, so that the next cell's request would be
lost. Such callbacks wait here until the inner run has ended, as they do while a cell is busy.
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
    """Run a coroutine or task to its end, on a loop that may be running on this very thread."""
    if not loop.is_running():
        return loop.run_until_complete(awaitable)
    import nest_asyncio

    nest_asyncio.apply(loop)
    _close_what_is_left(type(loop))
    with _held_back(loop):
        return loop.run_until_complete(awaitable)


def _close_what_is_left(kind: Any) -> None:
    """Have the loops of a class close the asynchronous generators that nobody reads to their end.

    `nest_asyncio` replaces `run_until_complete` for the whole class, the loops of other threads
    included, and leaves that out: what such a generator has open, as a connection, would stay.
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
    """Set aside what cannot run before the block has ended.

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
