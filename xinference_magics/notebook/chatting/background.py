"""``%%chat --bg``: a turn answered while other cells run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.chat.budget import fitted
from xinference_magics.chat.pending import PendingTurn, still_answering

if TYPE_CHECKING:
    from xinference_magics.chat.conversation import Conversation, Execution
    from xinference_magics.chat.conversations import Conversations
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import ChatOptions


@dataclass(frozen=True)
class _Place:
    """Where to add a turn once it has ended.

    Attributes:
        conversation: The conversation it is part of.
        execution: The run of the cell that asks.
        starts_over: Whether the conversation starts over with it.
        made_in: The notebook's conversations if this one was made for the turn; otherwise None.
    """

    conversation: Conversation
    execution: Execution
    starts_over: bool
    made_in: Conversations | None = None

    def continued(self, question: Question) -> Question:
        """Prepend the turns added in the meantime to a question, as many as fit."""
        if self.starts_over:
            return question
        before = tuple(self.conversation.before(self.execution))
        return fitted(replace(question, before=before)).question

    def keep(self, turn: Turn) -> None:
        if turn.is_answer:
            self.conversation.add(turn, self.execution, starts_over=self.starts_over)
        elif self.made_in is not None:
            self.made_in.release(self.conversation)


def begin(
    cell: CellContext, options: ChatOptions, question: Question, conversation: Conversation
) -> PendingTurn:
    """Start a turn; once it has ended, it is added at this cell's place in the conversation.

    Args:
        cell: The cell that asks.
        options: The options of the cell.
        question: What to ask. It is sent only after any earlier turns of the conversation that
            are still being answered.
        conversation: The conversation it belongs to.

    Raises:
        KeyboardInterrupt: The kernel was interrupted; the turn has started and keeps running.
    """
    conversations = cell.session.conversations
    place = _Place(conversation, cell.execution, starts_over=bool(options.new))
    if not options.once and conversations.adopt(conversation):
        place = replace(place, made_in=conversations)
    turn = _pending(cell, question, None if options.once else place)
    with interrupts.sigint_as_event() as flag:
        cell.session.background.start(turn, cell.execution)
        if not options.once:
            conversation.expect(turn, cell.execution)
        if options.out:
            cell.namespace[options.out] = turn
    if not turn.in_page:
        result = f"{options.out}.result()" if options.out else "result() of this cell's value"
        cell.session.say(
            f"{turn.title} answers in the background: {result} waits for the answer and shows it. "
            "An answer that nothing waits for is lost when the session ends."
        )
    if flag.is_set():
        raise still_answering(turn.title)
    return turn


def _pending(cell: CellContext, question: Question, place: _Place | None) -> PendingTurn:
    view, frame_seconds = cell.screen.background_view(), 1 / cell.settings.frame_rate
    if place is None:
        return PendingTurn(question, view, frame_seconds=frame_seconds)
    return PendingTurn(
        question,
        view,
        after=place.conversation.awaited(place.execution),
        prepare=place.continued,
        keep=place.keep,
        frame_seconds=frame_seconds,
    )
