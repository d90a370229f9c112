"""Waiting for the server: a launch's progress, its Cancel button and kernel interrupts."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.errors import ConnectError, InternalServerError, LaunchError, ServerError
from xinference_magics.plain import as_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xinference_magics.cluster.launching.launch import Cancellation, Launch
    from xinference_magics.cluster.launching.progress import LaunchProgress
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.display.progress import LaunchView
    from xinference_magics.notebook.session.session import Session

_STEP_SECONDS = 0.1  # seconds between checks of the Cancel button


class _CancelClickedError(Exception):
    """The user clicked the Cancel button of a launch."""


@contextmanager
def followed(title: str, ended: str, interrupted: str) -> Iterator[LaunchView]:
    """Show the progress of a server operation that cannot be cancelled.

    Args:
        title: What the operation is.
        ended: The outcome to show when the block has ended.
        interrupted: The message if the block is interrupted.

    Raises:
        KeyboardInterrupt: The block was interrupted; the server continues.
    """
    from xinference_magics.display.views import choose_launch_view

    view = choose_launch_view(cancellable=False)
    try:
        with interrupts.deferred_sigint():
            view.open(title)
        yield view
    except KeyboardInterrupt:
        view.close("continues", ok=False)
        raise interrupts.one_line(interrupted) from None
    except Exception:
        view.close("failed", ok=False)
        raise
    view.close(ended, ok=True)


def wait(
    session: Session,
    launched: Launch,
    notes: Sequence[str] = (),
    end: Callable[[LaunchView, RunningModel], None] | None = None,
) -> RunningModel:
    """Show the progress of a launch until it is ready; the Cancel button cancels it.

    Args:
        session: The session.
        launched: The launch.
        notes: What is worth knowing about it, one line each.
        end: Shows that it is ready.

    Raises:
        LaunchError: It failed, or was cancelled.
        KeyboardInterrupt: The wait was interrupted; the launch continues.
    """
    from xinference_magics.display.views import choose_launch_view

    view = choose_launch_view()
    outcome = "failed"
    try:
        with interrupts.deferred_sigint():
            view.open(f"Launching {launched.uid}", notes)
        while (running := _watch(launched, view)) is None:
            result = _cancel(launched, view)
            outcome = result.state if result.state in _ENDED else outcome
            _raise_if_ended(result)
            session.say(result.message)
        if end is not None:
            end(view, running)
            return running
    except KeyboardInterrupt as error:
        view.close("no longer waiting", ok=False)
        raise detached(launched.uid, error) from None
    except Exception as error:
        view.close(outcome, ok=False)
        if isinstance(error, ConnectError | InternalServerError) or type(error) is ServerError:
            error.hint = f"If {launched.uid} is still loading: {going_on(launched.uid)}"
        raise
    view.close("ready", ok=True)
    return running


_ENDED = {"cancelled": "Run the cell again to start over.", "orphaned": ""}
"""Outcomes of a cancel that leave nothing to wait for, with the hint for each."""


def _raise_if_ended(result: Cancellation) -> None:
    if result.state in _ENDED:
        raise LaunchError(result.message, hint=_ENDED[result.state])


def detached(uid: str, error: KeyboardInterrupt) -> KeyboardInterrupt:
    """Return what an interrupt raises: the launch continues with nobody waiting for it."""
    return interrupts.in_one_line(error, f"{uid} is still loading: {going_on(uid)}")


def going_on(uid: str) -> str:
    """Describe the commands for a launch that nobody is waiting for."""
    word = as_word(uid)
    return f"%xinference use {word} uses it when it is ready, %xinference cancel {word} stops it."


def _watch(launched: Launch, view: LaunchView) -> RunningModel | None:
    """Wait until the launch is ready; return None if Cancel was clicked."""

    def pause(seconds: float) -> None:
        until = time.monotonic() + seconds
        while not view.cancel_requested:
            if time.monotonic() >= until:
                return
            time.sleep(_STEP_SECONDS)
        raise _CancelClickedError

    try:
        return launched.wait(lambda progress: _show(view, progress), pause=pause)
    except _CancelClickedError:
        return None
    except KeyboardInterrupt:
        if view.cancel_requested:  # the page interrupted a kernel it could not message
            return None
        raise


def _cancel(launched: Launch, view: LaunchView) -> Cancellation:
    """Cancel a launch, showing so until the server responds."""
    from xinference_magics.display.progress import CANCELLING

    cancelling = _Cancelling(launched)
    cancelling.start()
    try:
        while cancelling.is_alive():
            view.update(CANCELLING, None, "waiting for loading to stop")
            cancelling.join(_STEP_SECONDS)
    except KeyboardInterrupt:
        raise cancel_continues(launched.uid) from None
    return cancelling.result()


def cancel_continues(uid: str) -> KeyboardInterrupt:
    """Return what an interrupt raises while a cancel is in progress."""
    return interrupts.one_line(
        f"The server is still cancelling {uid}: %xinference list shows what is running."
    )


class _Cancelling(threading.Thread):
    """Cancels a launch while the main thread shows it; the server takes up to a minute."""

    def __init__(self, launched: Launch) -> None:
        super().__init__(name="xinference-magics-cancel", daemon=True)
        self._launched = launched
        self._result: Cancellation | Exception | None = None

    def run(self) -> None:
        try:
            self._result = self._launched.cancel()
        except Exception as error:  # noqa: BLE001 - raised again by `result`
            self._result = error

    def result(self) -> Cancellation:
        """Return the outcome of the cancel, or raise its error."""
        if isinstance(self._result, Exception):
            raise self._result
        assert self._result is not None  # noqa: S101 - the thread has ended
        return self._result


def _show(view: LaunchView, progress: LaunchProgress) -> None:
    """Show a launch's progress: one line overall, and one for each of several replicas."""
    from xinference_magics.display.progress import Part, downloads_text

    several = len(progress.parts) > 1
    ready = sum(each.ready for each in progress.replicas)
    note = f"{ready} of {len(progress.replicas)} replicas" if several else ""
    if len(progress.parts) == 1:
        note = downloads_text(progress.parts[0].downloads)
    parts = [
        Part(
            each.uid, each.stage, each.fraction, downloads_text(each.downloads) or each.worker or ""
        )
        for each in progress.parts
        if several
    ]
    with interrupts.deferred_sigint():
        view.update(progress.stage, progress.fraction, note, parts)
