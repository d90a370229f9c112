"""The end of a turn: it is stored, and the cell returns it or fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.display.formats import unfenced

if TYPE_CHECKING:
    from threading import Event

    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.turn import Turn
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


def silent(turn: Turn) -> list[str]:
    """Return a note if the model called tools and then ended its turn without an answer."""
    gave_none = turn.steps and not turn.text.strip() and not turn.tool_calls
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
    if turn.status == "interrupted":
        raise interrupted(empty=turn.empty)
    if error is not None:
        raise error
    if turn.status == "done" and flag.is_set():
        raise interrupts.one_line("The cell was interrupted; the turn was complete, and is kept.")
    return turn


def interrupted(*, empty: bool) -> KeyboardInterrupt:
    """Return what an interrupted cell raises; `empty` means that nothing had arrived."""
    rest = " before anything arrived" if empty else "; the partial answer was kept"
    return interrupts.one_line(f"The turn was interrupted{rest}.")
