"""Send questions and show the turns that answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.chat.answering import answer_all
from xinference_magics.chat.live import LiveTurn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.chat.answering import Answered
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn
    from xinference_magics.display.turn_view import View
    from xinference_magics.notebook.cell_context import CellContext


def answer(
    cell: CellContext, question: Question, *, live: bool = True
) -> tuple[Turn, Exception | None]:
    """Stream the answer into a view and close it; return the turn and the error, if any.

    Args:
        cell: The cell that asks.
        question: What to ask.
        live: Whether to show the answer as it arrives instead of once it is complete.
    """
    view = cell.screen.view(live=live)
    [(turn, outcome)] = stream(cell, view, [question], [question.answerer.name])
    if turn.status == "failed" and turn.empty:
        view.dismiss()
    else:
        view.close(turn)
    return turn, outcome.error


def stream(
    cell: CellContext, view: View, questions: Sequence[Question], titles: Sequence[str]
) -> list[Answered]:
    """Stream the answers into a view, each under its title; the view stays open."""
    lives = map(LiveTurn, titles)
    try:
        return answer_all(
            list(zip(questions, lives, strict=True)),
            view,
            main_thread=cell.main_thread,
            frame_seconds=1 / cell.settings.frame_rate,
        )
    except BaseException:
        view.dismiss()
        raise
