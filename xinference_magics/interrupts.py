"""Kernel interrupts: held back while one would break something, and shown as one line."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Flag(threading.Event):
    """A SIGINT handler that only records the signal."""

    def __call__(self, *_: object) -> None:
        self.set()


@contextmanager
def as_flag() -> Iterator[threading.Event]:
    """Turn SIGINT into an event while the block runs; only the main thread receives signals.

    A nested block shares the outer block's event, so earlier interrupts count there too.
    """
    interrupted = _Flag()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    if isinstance(outer := signal.getsignal(signal.SIGINT), _Flag):
        yield outer
        return
    previous = signal.signal(signal.SIGINT, interrupted)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def held() -> Iterator[None]:
    """Hold back an interrupt until the block has run completely, then raise it.

    Within `as_flag`, the interrupt is left to that block.
    """
    with as_flag() as interrupted:
        yield
    if interrupted.is_set() and not isinstance(signal.getsignal(signal.SIGINT), _Flag):
        raise KeyboardInterrupt


def imported(module: str) -> Any:
    """Import a module with interrupts held back.

    If an interrupt cuts off the import of langsmith or pydantic, what they set up stays broken for
    the rest of the process.
    """
    with held():
        return import_module(module)


@contextmanager
def as_usual() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt while the block runs, even within `as_flag`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def one_line(message: str) -> KeyboardInterrupt:
    """Return a KeyboardInterrupt to raise: it stops Run All without showing our traceback."""
    message = neutralise(message)
    error = KeyboardInterrupt(message)
    # IPython calls this method of the exception, and shows its lines instead of a traceback.
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {message}"]  # type: ignore[attr-defined]
    return error


def in_one_line(
    error: KeyboardInterrupt, message: str = "The command was interrupted."
) -> KeyboardInterrupt:
    """Return `error` if it came from `one_line`, else one with `message`."""
    return error if hasattr(error, "_render_traceback_") else one_line(message)


@contextmanager
def as_one_line() -> Iterator[None]:
    """Re-raise an interrupt of the block as one line, unless it already is one."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise in_one_line(error) from None
