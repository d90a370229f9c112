"""A turn that is answered in the background while other cells run.

A thread does for it what a cell does for any other turn: it runs the turn and repaints its view.
It runs in the context of the cell that started it, where the turn's notes are collected.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Protocol

from xinference_magics import interrupts
from xinference_magics.chat import runner
from xinference_magics.chat.answering import Answered, answer_all
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.runner import Outcome
from xinference_magics.notes import collected_notes, show, wanted
from xinference_magics.plain import shortened
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from typing import Any

    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn

_STEP_SECONDS = 0.1
"""Seconds between checks while a thread waits."""
_REPR_CHARS = 60
"""Maximum characters of an answer in its repr."""


def still_answering(title: str) -> KeyboardInterrupt:
    """Return the exception to raise if a wait for a turn is interrupted."""
    return interrupts.one_line(
        f"{title} is still answering in the background; call stop() on its turn to end it."
    )


class View(runner.View, Protocol):
    """Shows a background turn: opened in its cell, then used by its thread, polled by waiters."""

    in_page: bool
    """Whether a user can see it; if not, the cell that requests the result shows it."""

    def tell(self, lines: Iterable[str]) -> None:
        """Show lines below the turn, in the output of its own cell."""
        ...

    def close(self, turn: Turn, /) -> None:
        """Show the turn in its final form."""
        ...


class PendingTurn(Shown):
    """A turn that is answered in the background.

    Args:
        question: The question, still to be completed by `prepare`.
        view: Shows the turn.
        after: Turns that must end first.
        prepare: Completes the question once they have ended; called on the background thread.
        keep: Receives the resulting turn; called on the background thread too.
        frame_seconds: Seconds between repaints.
    """

    def __init__(  # noqa: PLR0913  # the parts of a turn
        self,
        question: Question,
        view: View,
        *,
        after: Sequence[PendingTurn] = (),
        prepare: Callable[[Question], Question] = lambda question: question,
        keep: Callable[[Turn], None] = lambda _turn: None,
        frame_seconds: float = 1 / 30,
    ) -> None:
        self._question = question
        self._view = view
        self._after = tuple(after)
        self._prepare = prepare
        self._keep = keep
        self._frame_seconds = frame_seconds
        self._live = LiveTurn(question.responder.name, is_markdown=question.is_markdown)
        self._stop = threading.Event()
        self._finished = threading.Event()
        self._keeping = threading.Lock()
        self._discarded = False
        self._notes: list[str] = []
        self._turn: Turn | None = None
        self._error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended in any way."""
        return self._finished.is_set()

    @property
    def in_page(self) -> bool:
        """Whether a page shows it."""
        return self._view.in_page

    @property
    def title(self) -> str:
        """The name of the responder."""
        return self._live.title

    def start(self) -> None:
        """Start it, in the cell that shows it."""
        self._view.open([self._live])
        with collected_notes() as self._notes:
            context = copy_context()
        threading.Thread(
            target=context.run, args=(self._run,), name="xinference-magics-turn", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop it now; what has arrived is kept."""
        self._stop.set()

    def discard(self) -> None:
        """Stop it and keep it out of the conversation: its cell is run again or deleted.

        If the turn is being added to the conversation at this moment, this returns after it has
        been added, so whoever drops the cell's turns afterwards drops it too.
        """
        self.stop()
        with self._keeping:
            self._discarded = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended.

        Args:
            timeout: Seconds after which to give up; None waits indefinitely.

        Returns:
            Whether it has ended.

        Raises:
            KeyboardInterrupt: The wait was interrupted; the turn keeps running.
        """
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while not self._finished.wait(_STEP_SECONDS):
                self._view.poll()  # ipykernel 6 receives page events only on this thread
                if until is not None and time.monotonic() >= until:
                    return self.done
        except KeyboardInterrupt:
            raise still_answering(self.title) from None
        return True

    def result(self, timeout: float | None = None) -> Turn:
        """Wait for the turn and return it, even if it was stopped.

        Args:
            timeout: Seconds after which to give up; None waits indefinitely.

        Raises:
            XinferenceError: The turn failed.
            TimeoutError: It did not end in time; it keeps running.
            KeyboardInterrupt: The wait was interrupted; the turn keeps running.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"{self.title} did not answer within {timeout:g} s.")
        notes, self._notes = self._notes, []
        if not self.in_page:
            show(notes)
        if self._error is not None:
            raise self._error
        assert self._turn is not None  # noqa: S101  # it has ended without an error
        return self._turn

    def __await__(self) -> Generator[Any, None, Turn]:
        return self._result_later().__await__()

    async def _result_later(self) -> Turn:
        await self.ended()
        return self.result()

    async def ended(self) -> None:
        """Wait on the running event loop until it has ended in any way."""
        while not self.done:  # noqa: ASYNC110  # another thread ends it
            await asyncio.sleep(_STEP_SECONDS)

    def __repr__(self) -> str:
        return f"PendingTurn({self.title!r}, {self._state()})"

    def _state(self) -> str:
        if not self.done:
            tokens = self._live.tokens
            how = f"answering, {tokens} token{'' if tokens == 1 else 's'} so far"
            how = how if tokens else "waiting"
            return f"stopping, {how}" if self._stop.is_set() else how
        if self._turn is None:
            return f"failed: {self._error}"
        text = self._turn.error or self._turn.text
        return f"{self._turn.status}: {shortened(text, _REPR_CHARS)!r}"

    def _run(self) -> None:
        try:
            turn, outcome = self._answered()
            self._error = outcome.error
            try:
                self._keep_unless_discarded(turn)
            finally:
                self._turn = turn
                self._view.close(turn)
                self._view.tell(f"Note: {each}" for each in wanted(self._notes))
        except Exception as error:  # noqa: BLE001  # raised when the result is requested
            self._error = self._error or error
        finally:
            self._finished.set()

    def _keep_unless_discarded(self, turn: Turn) -> None:
        with self._keeping:
            if not self._discarded:
                self._keep(turn)

    def _answered(self) -> Answered:
        """Ask once the earlier turns have ended; any failure is shown as the turn's own."""
        try:
            view = _Stoppable(self._view, self._stop)
            if self._stopped_while_waiting(view):
                return self._ended(Outcome("stopped", 0.0))
            self._question = self._prepare(self._question)
            self._live = LiveTurn(self.title, is_markdown=self._question.is_markdown)
            asked = [(self._question, self._live)]
            [answered] = answer_all(asked, view, frame_seconds=self._frame_seconds)
        except Exception as error:  # noqa: BLE001  # errors while preparing are shown too
            seconds = self._live.seconds
            self._live = LiveTurn(self.title)
            return self._ended(Outcome("failed", seconds, error))
        return answered

    def _ended(self, outcome: Outcome) -> Answered:
        return Answered(self._question.settled(self._live, outcome), outcome)

    def _stopped_while_waiting(self, view: _Stoppable) -> bool:
        """Wait for the turns that must end first; return True if this one is stopped meanwhile."""
        after, self._after = self._after, ()
        for each in after:
            while not (view.poll() or each.wait(_STEP_SECONDS)):
                view.repaint([self._live])
        return view.poll()


class _Stoppable:
    """A view that is already open, and that `PendingTurn.stop` stops as its button does."""

    def __init__(self, view: View, stop: threading.Event) -> None:
        self._view = view
        self._stop = stop

    def poll(self) -> bool:
        """Process what the user has done since the last call; return whether to stop."""
        return self._view.poll() or self._stop.is_set()

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Do nothing: the view is already open."""

    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        self._view.repaint(lives)
