"""Kernel interrupts: held back where one would tear something, and shown as one line."""

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
    """A handler of SIGINT that only remembers it."""

    def __call__(self, *_: object) -> None:
        self.set()


@contextmanager
def as_flag() -> Iterator[threading.Event]:
    """Turn SIGINT into an event while the block runs; only a main thread receives signals.

    A block within such a block shares its event: what came before it counts there, too.
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
    """Hold an interrupt back while the block runs, and raise it then: all of it is done or none.

    Within `as_flag` it is left to that.
    """
    with as_flag() as interrupted:
        yield
    if interrupted.is_set() and not isinstance(signal.getsignal(signal.SIGINT), _Flag):
        raise KeyboardInterrupt


def imported(module: str) -> Any:
    """Import a module with interrupts held back.

    What langsmith and pydantic set up while they are imported stays broken for the rest of the
    process where an interrupt tears it.
    """
    with held():
        return import_module(module)


@contextmanager
def as_usual() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt while the block runs, also within `as_flag`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def one_line(message: str) -> KeyboardInterrupt:
    """Return a KeyboardInterrupt to raise: Run All stops, and no traceback of ours is shown."""
    message = neutralise(message)
    error = KeyboardInterrupt(message)
    # IPython asks this of the exception itself, and shows its lines in place of a traceback.
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {message}"]  # type: ignore[attr-defined]
    return error


def in_one_line(
    error: KeyboardInterrupt, message: str = "The command was interrupted."
) -> KeyboardInterrupt:
    """Return `error` if it came from `one_line`, else one with `message`."""
    return error if hasattr(error, "_render_traceback_") else one_line(message)


@contextmanager
def as_one_line() -> Iterator[None]:
    """Raise an interrupt of the block as one line, unless it is one already."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise in_one_line(error) from None
