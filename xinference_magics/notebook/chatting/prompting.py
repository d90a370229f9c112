"""The prompt of a cell: the typed text with inserted values, earlier cells and attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.attachments import attached
from xinference_magics.notebook.prompt.expand import Prompt, braced_names, expand, joined
from xinference_magics.notebook.prompt.history import Errors, described, last_cells, last_failed
from xinference_magics.notebook.session.namespace import CHAT
from xinference_magics.plain import as_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import ChatOptions
    from xinference_magics.notebook.session.session import Session


def prompt_of(cell: CellContext, options: ChatOptions, text: str) -> Prompt:
    """Assemble the prompt.

    Raises:
        PromptError: An expression, a cell number or an attachment is invalid.
    """
    named = {"Err": Errors(cell.history), **cell.variables}
    typed = Prompt((text,)) if options.raw else expand(text, named)
    cells = described(cell.history, _cells(cell, options))
    before = [f"{cells}\n\n"] if cells else []
    return joined([*before, *typed.parts, *attached(options, cell.variables)])


def _cells(cell: CellContext, options: ChatOptions) -> list[int]:
    """Return the numbers of the earlier cells to send, in order."""
    numbers = set(options.cells or ())
    if options.context is not None:
        numbers |= set(last_cells(cell.history, options.context))
    if options.fix:
        numbers.add(last_failed(cell.history))
    return sorted(numbers)


def hint_at_braces(session: Session, text: str, variables: Mapping[str, Any]) -> None:
    """Point out once per session that single braces around a variable insert nothing."""
    names = braced_names(text, variables)
    if names and not session.hinted:
        session.hinted = True
        name = names[0]
        session.say(f"{{{name}}} was sent as is; {{{{{name}}}}} inserts the variable's value.")


def refuse_unreadable(session: Session, prompt: Prompt, uid: str) -> None:
    """Reject attachments that a model cannot read, before anything is sent.

    Raises:
        PromptError: It cannot read them; the hint names a running model that can.
    """
    kinds = dict.fromkeys(each["type"] for each in prompt.blocks or () if each["type"] != "text")
    if not kinds:
        return
    models = [model for model in session.connector.get_or_connect().models() if CHAT.fits(model)]
    refusing = {model.uid: _unreadable(model) for model in models}
    refused = [kind for kind in kinds if kind in refusing.get(uid, ())]
    if not refused:
        return
    able = [other for other, unread in refusing.items() if unread.isdisjoint(kinds)]
    hint = (
        f"Use -m {as_word(able[0])}, which does."
        if able
        else "No running model does; launch one with %xinference launch."
    )
    raise PromptError(f"{uid} does not accept {' or '.join(refused)}.", hint=hint)


def _unreadable(model: RunningModel) -> frozenset[str]:
    from xinference_magics.wire.profile import model_profile, unreadable

    return unreadable(model_profile(model.abilities, None))
