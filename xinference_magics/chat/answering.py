"""The single path from a question to a turn, for cells, comparisons, code and the background.

`answer_all` streams on threads while the caller's thread shows what arrives; `answer_here` streams
on the caller's own event loop. `ask` and `aask` are a conversation's turns from code, without a
view.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from xinference_magics import interrupts
from xinference_magics.chat import runner
from xinference_magics.chat.budget import fitted
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.question import Question
from xinference_magics.chat.responders import ModelResponder
from xinference_magics.chat.runner import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from threading import Event

    from xinference_magics.chat.conversation import Conversation, Execution
    from xinference_magics.chat.main_thread import MainThread
    from xinference_magics.chat.turn import Turn
    from xinference_magics.chat_models import ChatXinference


class Answered(NamedTuple):
    """The result of asking a question.

    Attributes:
        turn: The turn, with as much of the answer as has arrived.
        outcome: How it ended, and the error if it failed.
    """

    turn: Turn
    outcome: Outcome


def answer_all(
    asked: Sequence[tuple[Question, LiveTurn]],
    view: runner.View,
    *,
    main_thread: MainThread | None = None,
    frame_seconds: float = 1 / 30,
) -> list[Answered]:
    """Ask one or more questions concurrently, and wait until all have ended.

    Args:
        asked: The questions, each with the live turn that receives its answer.
        view: Shows all of them.
        main_thread: Runs tools on this thread.
        frame_seconds: Seconds between repaints.
    """
    outcomes = runner.run(
        [(question.source, live) for question, live in asked],
        view,
        main_thread=main_thread,
        frame_seconds=frame_seconds,
    )
    return [
        Answered(question.settled(live, outcome), outcome)
        for (question, live), outcome in zip(asked, outcomes, strict=True)
    ]


async def answer_here(question: Question, live: LiveTurn) -> Answered:
    """Ask on the running event loop.

    Cancelling the task ends the turn like an interrupt; the caller must re-raise the cancellation.
    """
    try:
        await runner.consume(question.source, live)
        outcome = Outcome("done", live.seconds)
    except asyncio.CancelledError:
        outcome = Outcome("interrupted", live.seconds)
    except Exception as error:  # noqa: BLE001 - raised once the partial answer is saved
        outcome = Outcome("failed", live.seconds, error)
    return Answered(question.settled(live, outcome), outcome)


class Unseen:
    """A view that shows nothing."""

    def poll(self) -> bool:
        """Never stop."""
        return False

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing."""

    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing."""


def interrupted_turn(*, kept: bool) -> KeyboardInterrupt:
    """Return what an interrupted cell raises; `kept` is whether something arrived and was kept."""
    rest = "; the partial answer was kept" if kept else " before anything arrived"
    return interrupts.one_line(f"The turn was interrupted{rest}.")


def raise_if_interrupted(turn: Turn, flag: Event) -> None:
    """Raise if the kernel was interrupted, possibly after the whole answer had arrived.

    Args:
        turn: The turn, which has ended.
        flag: Set if the kernel was interrupted.

    Raises:
        KeyboardInterrupt: It says what was kept.
    """
    if turn.status == "interrupted":
        raise interrupted_turn(kept=not turn.empty)
    if turn.status == "done" and flag.is_set():
        raise interrupts.one_line("The cell was interrupted; the turn was complete, and is kept.")


def ask(
    conversation: Conversation, prompt: str, model: ChatXinference, parameters: Mapping[str, Any]
) -> Turn:
    """Ask and wait; see `Conversation.ask`."""
    place = conversation.execution
    for earlier in conversation.awaited(place):
        earlier.wait()
    question = _question(conversation, place, prompt, model, parameters)
    with interrupts.sigint_as_event() as flag:
        [answered] = answer_all([(question, LiveTurn(model.model_uid))], Unseen())
        turn = _kept(conversation, place, answered)
    raise_if_interrupted(turn, flag)
    return turn


async def aask(
    conversation: Conversation, prompt: str, model: ChatXinference, parameters: Mapping[str, Any]
) -> Turn:
    """Ask on the running event loop; see `Conversation.aask`.

    The turn is added at the place where it began, even if other cells run meanwhile.
    """
    place = conversation.execution
    for earlier in conversation.awaited(place):
        await earlier.ended()
    question = _question(conversation, place, prompt, model, parameters)
    answered = await answer_here(question, LiveTurn(model.model_uid))
    turn = _kept(conversation, place, answered)
    if turn.status == "interrupted":
        raise asyncio.CancelledError
    return turn


def _question(
    conversation: Conversation,
    place: Execution,
    prompt: str,
    model: ChatXinference,
    parameters: Mapping[str, Any],
) -> Question:
    question = Question(
        responder=ModelResponder(model),
        prompt=prompt,
        system=conversation.system_prompt,
        before=tuple(conversation.before(place)),
        parameters=dict(parameters),
        conversation=conversation.name,
        server_version=conversation.host.server_version if conversation.host else None,
        learnt=conversation.lessons.of(model),
    )
    return fitted(question).question


def _kept(conversation: Conversation, place: Execution, answered: Answered) -> Turn:
    """Add a turn to the conversation if it counts as an answer, and return it.

    Raises:
        XinferenceError: The turn failed.
    """
    if answered.turn.is_answer:
        conversation.add(answered.turn, place)
    if answered.outcome.error is not None:
        raise answered.outcome.error
    return answered.turn
