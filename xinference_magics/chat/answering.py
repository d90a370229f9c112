"""The single path from a question to a turn, for cells, comparisons, code and the background.

`answer_all` streams on threads while the caller's thread shows what arrives; `answer_here` streams
on the caller's own event loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from xinference_magics.chat import runner
from xinference_magics.chat.runner import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.main_thread import MainThread
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn


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
