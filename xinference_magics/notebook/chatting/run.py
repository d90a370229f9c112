"""``%%chat``: ask a cell's prompt, show the answer, keep the turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from xinference_magics import interrupts
from xinference_magics.notebook.chatting import background
from xinference_magics.notebook.chatting.building import build, with_uids
from xinference_magics.notebook.chatting.comparing import compare
from xinference_magics.notebook.chatting.turns import answer, finish, keep, remarks
from xinference_magics.notebook.prompt.expand import Prompt
from xinference_magics.notebook.session.session import catch_up
from xinference_magics.notes import collected_notes, show

if TYPE_CHECKING:
    from xinference_magics.chat.budget import Fitted
    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.pending import PendingTurn
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import ChatOptions
    from xinference_magics.notebook.session.session import Session

    Answer: TypeAlias = Turn | Comparison | PendingTurn


def chat(cell: CellContext, options: ChatOptions, text: str) -> Answer | None:
    """Run one turn and keep it; with ``--show-prompt``, only show what it would send.

    With ``--compare``, several models are asked, see `comparing.compare`; with ``--bg``, the turn
    is only started, see `background.begin`.

    Args:
        cell: The cell that asks.
        options: The options of the cell.
        text: The prompt as typed.

    Raises:
        XinferenceError: The turn failed; any partial answer is kept.
        KeyboardInterrupt: The kernel was interrupted; any partial answer is kept.
    """
    options = with_uids(options, cell.variables)
    conversation = cell.session.conversations.look_up(options.conversation)
    if not (options.once or options.background):
        catch_up(cell.session, conversation.awaited(cell.execution))
    with collected_notes() as left_out:
        built = build(cell, options, text, conversation)
    questions = [each.question for each in built]
    is_kept = not (options.once or options.show_prompt)
    if is_kept and (new := cell.session.conversations.announced(conversation.name)):
        cell.session.say(new)
    if options.background and not options.show_prompt:  # the turn itself reports omitted turns
        return background.begin(cell, options, questions[0], conversation)
    show(left_out)
    if options.show_prompt:
        _show_prompt(cell.session, built)
        return None
    if options.compare:
        return compare(cell, options, questions, conversation)
    return _ask(cell, options, questions[0], conversation)


def _ask(
    cell: CellContext, options: ChatOptions, question: Question, conversation: Conversation
) -> Turn:
    """Ask one model and wait for its answer."""
    with interrupts.sigint_as_event() as flag, collected_notes() as notes:
        turn, error = answer(cell, question, live=options.stream)
        if turn.is_answer:
            keep(cell, options, conversation, turn, turn)
    show([*notes, *remarks(turn)])
    return finish(turn, error, flag)


def _show_prompt(session: Session, built: list[Fitted]) -> None:
    """Show what would be sent, message by message, and the estimated tokens for each model."""
    longest = max(built, key=lambda each: each.tokens)
    for message in longest.question.messages:
        session.say(f"[{message.type}]\n{Prompt.of(message.content).text}\n")
    for each in built:
        session.say(f"About {each.tokens:,} tokens for {each.question.responder.name}.")
