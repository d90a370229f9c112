"""``%%chat --bg``: a turn that is answered while other cells run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.chat.background import goes_on
from xinference_magics.chat.budget import fitted
from xinference_magics.chat.pending import PendingTurn
from xinference_magics.display.background import choose_background_view

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from xinference_magics.chat.conversation import Conversation, Execution
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.arguments import Parser
    from xinference_magics.notebook.magics import XinferenceMagics


def refuse_beside(arguments: Arguments, parser: Parser) -> None:
    """Refuse options that need the cell to wait.

    Raises:
        UsageError: There is one.
    """
    if arguments.tools is not None:
        parser.error("--tools cannot run in the background: leave out --bg")
    if arguments.compare:
        parser.error("--compare cannot run in the background: leave out --bg")
    if arguments.confirm:
        parser.error("--confirm cannot ask you in the background: leave out --bg")
    if not arguments.stream:
        parser.error("--stream false and --bg cannot be combined: leave one out")


@dataclass(frozen=True)
class _Place:
    """Where a turn belongs when it has ended.

    Attributes:
        conversation: Which it is part of.
        execution: The run of the cell that asks.
        anew: Whether the conversation begins with it.
    """

    conversation: Conversation
    execution: Execution
    anew: bool

    def continued(self, question: Question) -> Question:
        """Put the turns that have been added meanwhile before a question, as far as they fit."""
        if self.anew:
            return question
        before = tuple(self.conversation.before(self.execution))
        return fitted(replace(question, before=before)).question

    def keep(self, turn: Turn) -> None:
        if turn.is_answer:
            self.conversation.add(turn, self.execution, anew=self.anew)


def begin(
    magics: XinferenceMagics,
    arguments: Arguments,
    question: Question,
    conversation: Conversation,
) -> PendingTurn:
    """Begin a turn; it is kept at the place of this cell when it has ended.

    Args:
        magics: Whose shell shows it.
        arguments: The options of the cell.
        question: What is asked. Where the conversation has turns that are still being answered,
            the question is put once they are there.
        conversation: Where it belongs.

    Raises:
        KeyboardInterrupt: The kernel was interrupted; the turn has begun, and goes on.
    """
    place = _Place(conversation, magics.cells.current, anew=bool(arguments.new))
    turn = _pending(magics, question, None if arguments.once else place)
    with interrupts.as_flag() as flag:
        magics.session.background.start(turn, place.execution)
        if not arguments.once:
            conversation.expect(turn, place.execution)
        if arguments.out:
            magics.shell.user_ns[arguments.out] = turn
    if flag.is_set():
        raise goes_on(turn.title)
    return turn


def _pending(magics: XinferenceMagics, question: Question, place: _Place | None) -> PendingTurn:
    view, frame_seconds = choose_background_view(magics.shell), 1 / magics.frame_rate
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
