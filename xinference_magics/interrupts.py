"""Kernel interrupts: held back while one would break something, and shown as one line."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_IMPORT_SECONDS = 10.0
"""Seconds for which an import can delay an interrupt; one that hangs can still be interrupted."""
_RETRY_SECONDS = 0.02
"""Seconds between attempts to raise a delayed interrupt."""


class _Flag(threading.Event):
    """A SIGINT handler that only records the signal."""

    def __call__(self, *_: object) -> None:
        self.set()


@contextmanager
def sigint_as_event() -> Iterator[threading.Event]:
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
def deferred_sigint() -> Iterator[None]:
    """Hold back an interrupt until the block has run completely, then raise it.

    Within `sigint_as_event`, the interrupt is left to that block.
    """
    with sigint_as_event() as interrupted:
        yield
    if interrupted.is_set() and not isinstance(signal.getsignal(signal.SIGINT), _Flag):
        raise KeyboardInterrupt


def imported(module: str) -> Any:
    """Import a module with interrupts held back.

    If an interrupt cuts off the import of langsmith or pydantic, what they set up stays broken for
    the rest of the process.
    """
    with deferred_sigint():
        return import_module(module)


@contextmanager
def after_imports() -> Iterator[None]:
    """Delay an interrupt that arrives during an import until the import is complete.

    Python forgets a package whose import is cut off, but not the submodules that it has loaded,
    and then cannot import it again: the libraries that a first cell loads would stay broken until
    the kernel is restarted. A handler other than Python's own is left alone.
    """
    on_main = threading.current_thread() is threading.main_thread()
    if not on_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    handler = _AfterImports(_imports(sys._getframe()))  # noqa: SLF001 - documented for CPython
    previous = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        try:
            handler.stop()
        finally:
            signal.signal(signal.SIGINT, previous)
    if handler.waiting:
        raise KeyboardInterrupt


class _AfterImports:
    """A SIGINT handler that tries again later while the interrupted code is importing.

    Args:
        outer: How many calls of the import system are below the code to be interrupted.
    """

    def __init__(self, outer: int) -> None:
        self._outer = outer
        self._until: float | None = None
        self._retry: threading.Timer | None = None

    @property
    def waiting(self) -> bool:
        """Whether an interrupt has been delayed and not raised yet."""
        return self._until is not None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        self._until = self._until or now + _IMPORT_SECONDS
        if _imports(frame) <= self._outer or now > self._until:
            self._until = None
            signal.default_int_handler(number, frame)
        self._retry = threading.Timer(_RETRY_SECONDS, _thread.interrupt_main)
        self._retry.daemon = True
        self._retry.start()

    def stop(self) -> None:
        """Stop trying; if the last try is under way, wait for it."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry.join()


def _imports(frame: FrameType | None) -> int:
    """Count the calls of the import system in a stack."""
    count = 0
    while frame is not None:
        count += frame.f_code.co_filename == "<frozen importlib._bootstrap>"
        frame = frame.f_back
    return count


@contextmanager
def default_sigint() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt while the block runs, even within `sigint_as_event`."""
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
    """Re-raise an interrupt of the block as one line, unless it already is one.

    It does not cut off an import.
    """
    try:
        with after_imports():
            yield
    except KeyboardInterrupt as error:
        raise in_one_line(error) from None
