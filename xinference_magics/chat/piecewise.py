"""The stream of any runnable, also of one that can only be streamed synchronously."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_SYNCHRONOUS = ("asynchronously", "async methods", "sync methods")
"""What langchain-core, and checkpointers of LangGraph, say where something has no async way."""


async def pieces(runnable: Any, *given: Any, **options: Any) -> AsyncIterator[Any]:
    """Stream asynchronously, or in a thread where the runnable has no other way.

    Args:
        runnable: What is streamed.
        given: What its `stream` is called with.
        options: The same, by name.
    """
    begun = False
    try:
        async for piece in runnable.astream(*given, **options):
            begun = True
            yield piece
    except (NotImplementedError, TypeError) as error:
        if begun or not any(said in str(error) for said in _SYNCHRONOUS):
            raise
    else:
        return
    async for piece in _in_thread(lambda: runnable.stream(*given, **options)):
        yield piece


async def _in_thread(opened: Any) -> AsyncIterator[Any]:
    """Iterate in a thread of its own; one that is left early ends after its next piece."""
    loop, arrived, left = asyncio.get_running_loop(), asyncio.Queue[Any](), threading.Event()

    def put(kind: str, value: Any = None) -> None:
        if not left.is_set():
            loop.call_soon_threadsafe(arrived.put_nowait, (kind, value))

    def iterate() -> None:
        try:
            for piece in opened():
                put("piece", piece)
                if left.is_set():
                    return
            put("end")
        except Exception as error:  # noqa: BLE001  # raised where the pieces are read
            put("error", error)

    context = copy_context()
    threading.Thread(
        target=context.run, args=(iterate,), name="xinference-magics-chain", daemon=True
    ).start()
    try:
        while (each := await arrived.get())[0] == "piece":
            yield each[1]
    finally:
        left.set()
    if each[0] == "error":
        raise each[1]
