"""From a question to a turn that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.chat import runner
from xinference_magics.chat.live import LiveTurn
from xinference_magics.display.stream import HeadlessView, choose_view

if TYPE_CHECKING:
    from xinference_magics.chat.main_thread import MainThread
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn
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
    view = choose_view(magics.shell) if live else HeadlessView()
    coming = LiveTurn(question.answerer.name)
    try:
        outcome = runner.run(
            question.source,
            coming,
            view,
            main_thread=main_thread,
            frame_seconds=1 / magics.frame_rate,
        )
    except BaseException:
        view.dismiss()
        raise
    turn = question.settled(coming, outcome)
    if turn.status == "failed" and turn.empty:
        view.dismiss()
    else:
        view.close(turn)
    return turn, outcome.error
