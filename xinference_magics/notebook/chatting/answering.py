"""From a question to a turn: the source of its events, the view, the settled answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xinference_magics.chat import runner
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.turn import Turn
from xinference_magics.display.stream import choose_view

if TYPE_CHECKING:
    from xinference_magics.chat.events import Source
    from xinference_magics.chat.runner import Outcome
    from xinference_magics.notebook.chatting.question import Question
    from xinference_magics.notebook.magics import XinferenceMagics


def answer(magics: XinferenceMagics, question: Question) -> tuple[Turn, Exception | None]:
    """Stream the answer into a view and settle it; what failed comes beside the turn."""
    view = choose_view(magics.shell)
    live = LiveTurn(question.model.model_uid)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    try:
        outcome = runner.run(source_of(question), live, view, frame_seconds=1 / magics.frame_rate)
    except BaseException:
        view.dismiss()
        raise
    turn = _settled(question, live, outcome, started)
    if turn.status == "failed" and turn.empty:
        view.dismiss()
    else:
        view.close(turn)
    return turn, outcome.error


def source_of(question: Question) -> Source:
    """Choose what the events of the turn come from."""
    messages = question.messages
    return lambda: question.model.astream(messages, **question.parameters)


def _settled(question: Question, live: LiveTurn, outcome: Outcome, started: str) -> Turn:
    model = question.model
    return Turn(
        prompt=question.prompt,
        blocks=question.blocks,
        system=question.system,
        message=live.message(),
        steps=live.steps,
        model_uid=model.model_uid,
        engine=model.engine,
        parameters={**model.generation_parameters, **question.parameters},
        conversation=question.conversation,
        format=question.format,
        started=started,
        seconds=outcome.seconds,
        first_token_seconds=live.first_token_seconds,
        reasoning_seconds=live.reasoning_seconds,
        status=outcome.status,
        error=str(outcome.error or ""),
    )
