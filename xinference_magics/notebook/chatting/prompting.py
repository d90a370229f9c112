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
    from collections.abc import Collection, Mapping

    from xinference_magics.chat_models import ChatXinference
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


def reject_unreadable(session: Session, prompt: Prompt, model: ChatXinference) -> None:
    """Reject attachments that a model cannot read, before anything is sent.

    Raises:
        PromptError: Its profile says that it cannot read them; the hint names a running model
            that can.
    """
    from xinference_magics.wire.profile import unreadable

    kinds = dict.fromkeys(each["type"] for each in prompt.blocks or () if each["type"] != "text")
    unread = unreadable(model.profile) if model.profile else ()
    refused = [kind for kind in kinds if kind in unread]
    if refused:
        raise PromptError(
            f"{model.model_uid} does not accept {' or '.join(refused)}.",
            hint=_who_reads(session, kinds, model.server_url),
        )


def _who_reads(session: Session, kinds: Collection[str], endpoint: str) -> str:
    """Return a hint at a model of the same server that accepts all `kinds`."""
    from xinference_magics.wire.profile import model_profile, unreadable

    if not session.connector.uses(endpoint):
        return ""
    models = [model for model in session.connector.get_or_connect().models() if CHAT.fits(model)]
    for model in models:
        if unreadable(model_profile(model.abilities, None)).isdisjoint(kinds):
            return f"Use -m {as_word(model.uid)}, which does."
    return "No running model does; launch one with %xinference launch."
