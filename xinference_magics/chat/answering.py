"""The one way from a question to a turn, for cells, comparisons, code and the background.

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
    """What came of a question.

    Attributes:
        turn: The turn, with as much of the answer as has arrived.
        outcome: How it ended, and what failed.
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
    """Ask one question or several at the same time, and wait until each has ended.

    Args:
        asked: The questions, each with what takes in its answer.
        view: Shows all of them.
        main_thread: Through which tools run on this thread.
        frame_seconds: Seconds between two repaints.
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

    A cancelled task ends the turn as an interrupt does; the caller raises the cancellation again.
    """
    try:
        await runner.consume(question.source, live)
        outcome = Outcome("done", live.seconds)
    except asyncio.CancelledError:
        outcome = Outcome("interrupted", live.seconds)
    except Exception as error:  # noqa: BLE001 - raised once what had arrived is kept
        outcome = Outcome("failed", live.seconds, error)
    return Answered(question.settled(live, outcome), outcome)
