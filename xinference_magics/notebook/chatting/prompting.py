"""The prompt of a cell: what was typed, with values, earlier cells and attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.chat.answerers import ModelAnswerer
from xinference_magics.errors import PromptError
from xinference_magics.notebook.attachments import attached
from xinference_magics.notebook.history import Errors, described, last_cells, last_failed
from xinference_magics.notebook.prompt import Prompt, braced_names, expand, joined
from xinference_magics.notebook.ready_made import CHAT
from xinference_magics.plain import as_word

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.answerers import Answerer
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.session import Session

FIX = "Explain the error, and show how to fix it."
"""What is asked with ``--fix`` where the cell asks nothing."""


def prompt_of(
    shell: InteractiveShell, arguments: Arguments, text: str, variables: Mapping[str, Any]
) -> Prompt:
    """Put together what is asked.

    Raises:
        PromptError: An expression, a cell or an attachment is not right.
    """
    named = {"Err": Errors(shell), **variables}
    typed = Prompt((text,)) if arguments.raw else expand(text, named)
    cells = described(shell, _cells(shell, arguments))
    before = [f"{cells}\n\n"] if cells else []
    return joined([*before, *typed.parts, *attached(arguments, variables)])


def _cells(shell: InteractiveShell, arguments: Arguments) -> list[int]:
    """Number the earlier cells that are asked for, in order."""
    numbers = set(arguments.cells or ())
    if arguments.context is not None:
        numbers |= set(last_cells(shell, arguments.context))
    if arguments.fix:
        numbers.add(last_failed(shell))
    return sorted(numbers)


def hint_at_braces(session: Session, text: str, variables: Mapping[str, Any]) -> None:
    """Say once that single braces insert nothing, where they stand around a variable."""
    names = braced_names(text, variables)
    if names and not session.hinted:
        session.hinted = True
        name = names[0]
        session.say(f"{{{name}}} was sent as is; {{{{{name}}}}} inserts the variable's value.")


def cannot_think(answerer: Answerer) -> str:
    """Say that a model which is asked to think is not described as one that can; else nothing."""
    profile = answerer.model.profile if isinstance(answerer, ModelAnswerer) else None
    if (profile or {}).get("reasoning_output") is not False:
        return ""
    return f"{answerer.name} is not listed as a reasoning model: --think may have no effect."


def refuse_unreadable(session: Session, prompt: Prompt, uid: str) -> None:
    """Refuse attachments that a model cannot take, before anything is sent.

    Raises:
        PromptError: It cannot; the hint names running models that can.
    """
    kinds = dict.fromkeys(each["type"] for each in prompt.blocks or () if each["type"] != "text")
    if not kinds:
        return
    models = [model for model in session.cluster().models() if CHAT.fits(model)]
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
