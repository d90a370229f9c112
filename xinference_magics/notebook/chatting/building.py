"""Turn the options and text of a cell into complete, checked requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from xinference_magics.chat.budget import fitted
from xinference_magics.chat.conversation import new_thread
from xinference_magics.chat.question import Question
from xinference_magics.chat.responders import ModelResponder
from xinference_magics.chat.runnables import RunnableResponder
from xinference_magics.errors import PromptError
from xinference_magics.notebook.chatting.prompting import (
    hint_at_braces,
    prompt_of,
    reject_unreadable,
)
from xinference_magics.notebook.chatting.responders import choose, model_meant
from xinference_magics.notes import collected_notes, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.chat.budget import Fitted
    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.learnt import Learnt
    from xinference_magics.chat.responders import Responder
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import ChatOptions, GenerateOptions
    from xinference_magics.notebook.mapping.options import MapOptions
    from xinference_magics.notebook.prompt.expand import Prompt
    from xinference_magics.notebook.session.session import Session

Options = TypeVar("Options", bound="ChatOptions | MapOptions")


def build(
    cell: CellContext, options: ChatOptions, text: str, conversation: Conversation
) -> list[Fitted]:
    """Prepare everything to send, and check that it fits into each model's context window.

    Args:
        cell: The cell that asks.
        options: The options of the cell, with the UIDs of models, see `with_uids`.
        text: The prompt as typed.
        conversation: The conversation to continue.

    Returns:
        One question per model: a single one, unless models are compared.

    Raises:
        XinferenceError: A value, a parameter or a model is invalid; nothing was sent.
    """
    with collected_notes() as shortened:
        prompt = prompt_of(cell, options, text)
    parameters = parameters_of(
        options,
        enable_thinking=options.think,
    )
    thread = new_thread() if options.once or options.new else conversation.thread
    responders = [
        choose(cell, options, name, thread) for name in options.compare or [options.model]
    ]
    _check(cell.session, options, responders, prompt, parameters)
    if not options.raw:
        hint_at_braces(cell.session, text, cell.variables)
    questions = [
        fitted(_question(cell, options, conversation, prompt, parameters, each))
        for each in responders
    ]
    if options.new and not (options.once or options.show_prompt):
        conversation.thread = thread
    show(shortened)
    return questions


def with_uids(options: Options, variables: Mapping[str, Any]) -> Options:
    """Replace ``$name`` in the options that name models with the UID the variable holds.

    Args:
        options: The options as typed.
        variables: The variables of the notebook.

    Raises:
        PromptError: A variable does not hold a UID, or ``--compare`` names a model twice.
    """
    if not options.compare:
        return replace(options, model=model_meant(options.model, variables))
    uids = [model_meant(name, variables, "--compare") or name for name in options.compare]
    if len(set(uids)) < len(uids):
        raise PromptError(
            f"--compare names a model twice: {', '.join(uids)}.", hint="Name each model once."
        )
    return replace(options, compare=tuple(uids))


def parameters_of(
    options: ChatOptions | GenerateOptions | MapOptions, **others: Any
) -> dict[str, Any]:
    """Collect the generation parameters, rejecting invalid ones before showing or sending anything.

    Args:
        options: The options of the cell.
        others: Further parameters that have their own option; None if it was not given.
    """
    from xinference_magics.wire.parameters import NAMES, checked, reject_unknown

    typed = {
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        **others,
    }
    given = {
        **dict(options.parameter or []),
        **{name: value for name, value in typed.items() if value is not None},
    }
    reject_unknown(given, (*NAMES, "extra_body"))
    checked({name: value for name, value in given.items() if name in NAMES})
    return given


def _check(
    session: Session,
    options: ChatOptions,
    responders: list[Responder],
    prompt: Prompt,
    parameters: Mapping[str, Any],
) -> None:
    """Reject anything that one of the responders cannot handle, before anything is sent."""
    for responder in responders:
        if isinstance(responder, ModelResponder):
            reject_unreadable(session, prompt, responder.model)
        elif isinstance(responder, RunnableResponder):
            responder.refuse(parameters)
            media = dict.fromkeys(each["type"] for each in prompt.blocks or ())
            media.pop("text", None)
            responder.refuse_beside_text([*media, *(["--system"] if options.system else [])])


def _question(  # noqa: PLR0913, PLR0917 - all that one request is made of
    cell: CellContext,
    options: ChatOptions,
    conversation: Conversation,
    prompt: Prompt,
    parameters: dict[str, Any],
    responder: Responder,
) -> Question:
    alone = options.new or options.once
    return Question(
        responder=responder,
        prompt=prompt.text,
        blocks=prompt.blocks,
        system=_system(cell, options, conversation),
        before=() if alone else tuple(conversation.before(cell.execution)),
        parameters=parameters,
        conversation=None if options.once else conversation.name,
        format=options.format,
        server_version=_server_version(cell.session, responder),
        learnt=_learnt(cell.session, responder),
    )


def _server_version(session: Session, responder: Responder) -> str | None:
    """Return the version of the responder's server, if it is the one the notebook uses."""
    if not isinstance(responder, ModelResponder):
        return None
    return session.version_of(responder.model.server_url)


def _learnt(session: Session, responder: Responder) -> Learnt | None:
    """Return what has been learned about the responder if it is a model, not a chain."""
    return session.lessons.of(responder.model) if isinstance(responder, ModelResponder) else None


def _system(cell: CellContext, options: ChatOptions, conversation: Conversation) -> str:
    """Choose the system prompt: the cell's, else the conversation's, else the trait's."""
    if options.system is not None:
        return options.system
    return cell.settings.system if options.once else conversation.system_prompt
