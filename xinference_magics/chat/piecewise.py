"""Stream any runnable, even one that can only be streamed synchronously."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import (
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnableSequence,
)
from langchain_core.runnables.config import merge_configs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_SYNCHRONOUS = ("asynchronously", "async methods", "sync methods")
"""Phrases in errors of langchain-core and LangGraph checkpointers about missing async support."""


async def pieces(
    runnable: Any, given: Any, config: Any = None, **options: Any
) -> AsyncIterator[Any]:
    """Stream asynchronously, or in a thread if the runnable is synchronous.

    No step runs twice: the fallback to the thread is possible only while no step has ended.

    Args:
        runnable: The runnable to stream.
        given: Its input.
        config: The config to run it with.
        options: Further arguments for its `stream` or `astream`.
    """
    if not _is_synchronous(runnable):
        progress = _Progress()
        watched = merge_configs(config, {"callbacks": [progress]})
        try:
            async for piece in runnable.astream(given, watched, **options):
                progress.begun = True
                yield piece
        except (NotImplementedError, TypeError) as error:
            if progress.begun or not any(said in str(error) for said in _SYNCHRONOUS):
                raise
        else:
            return
    async for piece in _in_thread(lambda: runnable.stream(given, config, **options)):
        yield piece


def _is_synchronous(runnable: Any) -> bool:
    """Whether a step is a generator function, which fails only after earlier steps have run."""
    match runnable:
        case RunnableSequence():
            return any(map(_is_synchronous, runnable.steps))
        case RunnableParallel():
            return any(map(_is_synchronous, runnable.steps__.values()))
        case RunnableLambda():
            asynchronous = hasattr(runnable, "afunc")
            return not asynchronous and isgeneratorfunction(getattr(runnable, "func", None))
        case RunnableGenerator():
            return not hasattr(runnable, "_atransform")
        case _:
            bound = getattr(runnable, "bound", None)
            return bound is not None and _is_synchronous(bound)


class _Progress(BaseCallbackHandler):
    """Records whether part of a run has ended, which must not run twice.

    Attributes:
        begun: Whether a step has ended or a piece has arrived.
    """

    run_inline = True

    def __init__(self) -> None:
        self.begun = False

    def _ended(self, *_given: Any, **_options: Any) -> None:
        self.begun = True

    on_chain_end = on_llm_end = on_tool_end = on_retriever_end = _ended


async def _in_thread(opened: Any) -> AsyncIterator[Any]:
    """Iterate in a separate thread; if abandoned early, it ends after its next piece."""
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
        except BaseException as error:  # noqa: BLE001  # raised when the pieces are read
            put("error", _raisable(error))

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


def _raisable(error: BaseException) -> Exception:
    """Wrap an exception that would end the event loop, such as SystemExit."""
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"The chain raised {error!r}.")
    wrapped.__cause__ = error
    return wrapped
