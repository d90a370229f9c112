"""``%%chat --compare``: several models answer one prompt at the same time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.chat.answering import interrupted_turn
from xinference_magics.chat.comparison import Comparison, first_answer, title_of
from xinference_magics.errors import XinferenceError
from xinference_magics.notebook.chatting.turns import keep, remarks, stream
from xinference_magics.notes import collected_notes, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.question import Question
    from xinference_magics.chat.runner import Outcome
    from xinference_magics.chat.turn import Turn
    from xinference_magics.display.turn_view import View
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import ChatOptions
    from xinference_magics.notebook.session.session import Session

_SLOW_SECONDS = 5.0
"""Seconds from which a comparison says why it may be slow."""


def compare(
    cell: CellContext,
    options: ChatOptions,
    questions: Sequence[Question],
    conversation: Conversation,
) -> Comparison:
    """Ask all models, and continue the conversation with the first answer.

    Raises:
        XinferenceError: All models failed; any partial answers are kept.
        KeyboardInterrupt: The kernel was interrupted; any partial answers are kept.
    """
    names = tuple(options.compare or ())
    asked = zip(names, questions, strict=True)
    titles = [title_of(name, question.responder.name) for name, question in asked]
    view = cell.screen.view(live=options.stream)
    with interrupts.sigint_as_event() as flag:
        with collected_notes() as notes:
            answers = stream(cell, view, questions, titles)
        turns = [turn for turn, _ in answers]
        comparison = Comparison(names, turns, None if options.once else conversation)
        try:
            if answer := first_answer(turns):
                keep(cell, options, conversation, answer, comparison)
        finally:
            _settle(cell.session, comparison, view)
    show([*notes, *(said for turn in turns for said in remarks(turn))])
    show(_shared(cell.session, questions, turns))
    outcomes = [outcome for _, outcome in answers]
    _finish(names, outcomes, empty=all(turn.empty for turn in turns))
    if flag.is_set():
        raise interrupts.one_line("The cell was interrupted; the answers were complete.")
    return comparison


def _shared(
    session: Session, questions: Sequence[Question], turns: Sequence[Turn]
) -> Iterator[str]:
    """Yield a note if models without a GPU shared a machine, and that took its time.

    llama.cpp keeps all cores busy for each of them, so together they are far more than twice as
    slow.
    """
    asked = {question.responder.name for question in questions}
    if max(turn.seconds for turn in turns) < _SLOW_SECONDS:
        return
    with suppress(XinferenceError):
        cluster = session.connector.cluster
        running = [model for model in cluster.models() if model.uid in asked] if cluster else []
        by_host: dict[str, list[str]] = {}
        for model in running:
            if not model.raw.get("accelerators") and model.address:
                by_host.setdefault(model.address.rpartition(":")[0], []).append(model.uid)
        for uids in by_host.values():
            if len(uids) > 1:
                yield (
                    f"{' and '.join(uids)} share a CPU and slow each other down: ask them one "
                    "after the other with -m, or launch each with its share of --n_threads."
                )


def _settle(session: Session, comparison: Comparison, view: View) -> None:
    if all(turn.status == "failed" and turn.empty for turn in comparison.turns):
        view.dismiss()
        return
    session.compared = comparison
    comparison.on_kept = view.update
    statuses = {turn.status for turn in comparison.turns}
    view.close(comparison, raises="interrupted" in statuses or statuses == {"failed"})


def _finish(names: Sequence[str], outcomes: Sequence[Outcome], *, empty: bool) -> None:
    """Raise if the comparison was interrupted or all models failed."""
    if any(outcome.status == "interrupted" for outcome in outcomes):
        raise interrupted_turn(kept=not empty)
    errors = [outcome.error for outcome in outcomes if outcome.status == "failed"]
    first, *rest = errors or [None]
    if first is None or len(errors) < len(outcomes):
        return
    if all(str(error) == str(first) for error in rest):
        raise first
    reasons = "; ".join(f"{name}: {error}" for name, error in zip(names, errors, strict=True))
    raise XinferenceError(f"None of the models answered. {reasons}")
