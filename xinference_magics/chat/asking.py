"""Ask from code: a turn of a conversation, without a view."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.chat.answerers import ModelAnswerer
from xinference_magics.chat.answering import answer_all, answer_here
from xinference_magics.chat.budget import fitted
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.question import Question

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xinference_magics.chat.answering import Answered
    from xinference_magics.chat.conversation import Conversation, Execution
    from xinference_magics.chat.turn import Turn
    from xinference_magics.chat_models import ChatXinference


class Unseen:
    """A view that shows nothing."""

    def poll(self) -> bool:
        """Never stop."""
        return False

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing."""

    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Show nothing."""


def ask(
    conversation: Conversation, prompt: str, model: ChatXinference, parameters: Mapping[str, Any]
) -> Turn:
    """Ask and wait; see `Conversation.ask`."""
    place = conversation.execution
    for earlier in conversation.awaited(place):
        earlier.wait()
    question = _question(conversation, place, prompt, model, parameters)
    with interrupts.as_flag() as interrupted:
        [answered] = answer_all([(question, LiveTurn(model.model_uid))], Unseen())
        turn = _kept(conversation, place, answered)
    if interrupted.is_set():
        raise interrupts.one_line("The turn was interrupted; the partial answer was kept.")
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
        answerer=ModelAnswerer(model),
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
