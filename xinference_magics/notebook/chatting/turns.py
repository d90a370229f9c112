"""Send questions and show the turns that answer them; keep each, and end its cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.chat.answering import answer_all, raise_if_interrupted
from xinference_magics.chat.live import LiveTurn
from xinference_magics.display.formats import is_json, unfenced

if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Event

    from xinference_magics.chat.answering import Answered
    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn
    from xinference_magics.display.turn_view import View
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import ChatOptions


def keep(
    cell: CellContext,
    options: ChatOptions,
    conversation: Conversation,
    turn: Turn,
    value: Turn | Comparison,
) -> None:
    """Add a turn to its conversation, and store the cell's value in the ``--out`` variable."""
    if not options.once:
        cell.session.conversations.adopt(conversation)
        conversation.add(turn, cell.execution, starts_over=bool(options.new))
    if options.out:
        cell.namespace[options.out] = value
    if turn.format == "code" and turn.status == "done":
        cell.screen.fill_next_cell(unfenced(turn.text)[0].rstrip("\n"))


def remarks(turn: Turn) -> list[str]:
    """Return notes about an answer that is not what was asked for."""
    if turn.status == "done" and turn.format == "json" and turn.text and not is_json(turn.text):
        return [f"The answer of {turn.model_uid} is not JSON, so it is shown as text."]
    return _silence(turn)


def _silence(turn: Turn) -> list[str]:
    """Return a note if the model called tools and then ended its turn without an answer."""
    gave_none = turn.steps and not turn.text.strip() and not turn.message.tool_calls
    if gave_none and turn.status == "done" and turn.finish_reason == "stop":
        return [f"{turn.model_uid} gave no answer after the tool calls."]
    return []


def finish(turn: Turn, error: Exception | None, flag: Event) -> Turn:
    """Return a turn that was shown, or make the cell fail.

    Args:
        turn: The turn.
        error: What failed, if anything.
        flag: Set if the kernel was interrupted, possibly after the whole answer had arrived.

    Raises:
        KeyboardInterrupt: The kernel was interrupted.
        Exception: `error`, if there is one.
    """
    raise_if_interrupted(turn, flag)
    if error is not None:
        raise error
    return turn


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
    [(turn, outcome)] = stream(cell, view, [question], [question.responder.name])
    if turn.status == "failed" and turn.empty:
        view.dismiss()
    else:
        view.close(turn, raises=turn.status in {"failed", "interrupted"})
    return turn, outcome.error


def stream(
    cell: CellContext, view: View, questions: Sequence[Question], titles: Sequence[str]
) -> list[Answered]:
    """Stream the answers into a view, each under its title; the view stays open."""
    asked = [
        (question, LiveTurn(title, is_markdown=question.is_markdown))
        for question, title in zip(questions, titles, strict=True)
    ]
    try:
        return answer_all(
            asked,
            view,
            main_thread=cell.main_thread,
            frame_seconds=1 / cell.settings.frame_rate,
        )
    except BaseException:
        view.dismiss()
        raise
