"""From questions to turns that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.chat import runner
from xinference_magics.chat.live import LiveTurn
from xinference_magics.display.stream import choose_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.chat.main_thread import MainThread
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.runner import Outcome
    from xinference_magics.chat.turn import Turn
    from xinference_magics.display.stream import View
    from xinference_magics.notebook.magics import XinferenceMagics


def answer(
    magics: XinferenceMagics, question: Question, main_thread: MainThread, *, live: bool = True
) -> tuple[Turn, Exception | None]:
    """Stream the answer into a view and settle it; what failed comes beside the turn.

    Args:
        magics: Whose shell shows it.
        question: What is asked.
        main_thread: Runs what has to run there.
        live: Whether the answer is shown while it comes, or only when it is there.
    """
    view = choose_view(magics.shell, live=live)
    titles = [question.answerer.name]
    [(turn, outcome)] = stream(magics, view, [question], titles, main_thread)
    if turn.status == "failed" and turn.empty:
        view.dismiss()
    else:
        view.close(turn)
    return turn, outcome.error


def stream(
    magics: XinferenceMagics,
    view: View,
    questions: Sequence[Question],
    titles: Sequence[str],
    main_thread: MainThread,
) -> list[tuple[Turn, Outcome]]:
    """Stream the answers into a view, which is left open; each is called by its title."""
    lives = [LiveTurn(title) for title in titles]
    asked = list(zip(questions, lives, strict=True))
    try:
        outcomes = runner.run(
            [(question.source, live) for question, live in asked],
            view,
            main_thread=main_thread,
            frame_seconds=1 / magics.frame_rate,
        )
        return [
            (question.settled(live, outcome), outcome)
            for (question, live), outcome in zip(asked, outcomes, strict=True)
        ]
    except BaseException:
        view.dismiss()
        raise
