"""``%%chat --bg``: a turn that is answered while other cells run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xinference_magics.chat.budget import fitted
from xinference_magics.chat.pending import PendingTurn
from xinference_magics.display.background import choose_background_view

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from xinference_magics.chat.conversation import Conversation
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
        parser.error("--tools run in a cell that waits for them: leave out --bg")
    if arguments.compare:
        parser.error("--compare asks in a cell that waits: leave out --bg")
    if arguments.confirm:
        parser.error("--confirm asks in a cell that waits for you: leave out --bg")
    if not arguments.stream:
        parser.error("--stream false has nothing to do with --bg: leave one of them out")


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
    """
    execution = magics.cells.current
    after = [] if arguments.once else conversation.awaited(execution)

    def prepare(asked: Question) -> Question:
        if arguments.once or arguments.new:
            return asked
        return fitted(replace(asked, before=tuple(conversation.before(execution)))).question

    def keep(turn: Turn) -> None:
        if not arguments.once and (turn.status == "done" or not turn.empty):
            conversation.add(turn, execution, anew=bool(arguments.new))

    turn = PendingTurn(
        question,
        choose_background_view(magics.shell),
        after=after,
        prepare=prepare,
        keep=keep,
        frame_seconds=1 / magics.frame_rate,
    )
    magics.session.background.start(turn, execution)
    if not arguments.once:
        conversation.expect(turn, execution)
    if arguments.out:
        magics.shell.user_ns[arguments.out] = turn
    return turn
