"""``%%chat``: from the text of a cell to a finished turn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from xinference_magics import interrupts
from xinference_magics.chat.answerers import ModelAnswerer
from xinference_magics.chat.budget import fitted
from xinference_magics.chat.conversation import new_thread
from xinference_magics.chat.main_thread import MainThread
from xinference_magics.chat.question import Question
from xinference_magics.chat.runnables import RunnableAnswerer
from xinference_magics.display.formats import unfenced
from xinference_magics.errors import PromptError
from xinference_magics.notebook.arguments import leading_options
from xinference_magics.notebook.catching_up import catch_up
from xinference_magics.notebook.chatting import background
from xinference_magics.notebook.chatting.answerers import choose, model_meant, user_loop
from xinference_magics.notebook.chatting.answering import answer
from xinference_magics.notebook.chatting.prompting import (
    FIX,
    cannot_think,
    hint_at_braces,
    prompt_of,
    refuse_unreadable,
)
from xinference_magics.notebook.options import CHAT
from xinference_magics.notebook.prompt import Prompt
from xinference_magics.notes import collected_notes, show

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Mapping
    from threading import Event

    from xinference_magics.chat.answerers import Answerer
    from xinference_magics.chat.budget import Fitted
    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.learnt import Learnt
    from xinference_magics.chat.pending import PendingTurn
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.arguments import Parser
    from xinference_magics.notebook.commands.command import Command
    from xinference_magics.notebook.magics import XinferenceMagics
    from xinference_magics.notebook.session import Session

    Answer: TypeAlias = Turn | Comparison | PendingTurn

_KEPT = re.compile(r"\s*(?P<name>[^\W\d]\w*)\s*<<\s*")
"""``%%chat NAME <<``, as IPython's own magics have it."""


def chat(
    magics: XinferenceMagics,
    command: Command,
    line: str,
    cell: str | None,
    local: dict[str, Any] | None,
) -> Answer | None:
    """Run one turn and keep it; with ``--show-prompt`` only show what it would send.

    With ``--compare`` several models are asked, see `comparing.compare`; with ``--bg`` it only
    begins, see `background.begin`.

    Raises:
        UsageError: An option is not right, or there is no prompt.
        XinferenceError: The turn failed; what had arrived of it is kept.
        KeyboardInterrupt: The kernel was interrupted; what had arrived of it is kept.
    """
    arguments, text = read(command, line, cell)
    conversation = conversation_of(magics, arguments)
    if not (arguments.once or arguments.background):
        catch_up(magics.session, conversation.awaited(magics.cells.current))
    main_thread = MainThread(user_loop)
    with collected_notes() as left_out:
        asked = ask(magics, arguments, text, local, main_thread)
    questions = [each.question for each in asked]
    if arguments.background and not arguments.show_prompt:  # what is left out shows as it begins
        return background.begin(magics, arguments, questions[0], conversation)
    show(left_out)
    if arguments.show_prompt:
        _show(magics.session, asked)
        return None
    if arguments.compare:
        from xinference_magics.notebook.chatting.comparing import compare

        return compare(magics, arguments, questions, main_thread)
    [question] = questions
    with interrupts.as_flag() as flag, collected_notes() as notes:
        turn, error = answer(magics, question, main_thread, live=arguments.stream)
        if turn.is_answer:
            keep(magics, arguments, turn, turn)
    show(notes)
    return finish(turn, error, flag)


def read(command: Command, line: str, cell: str | None) -> tuple[Arguments, str]:
    """Split what was typed into options and prompt.

    Args:
        command: What it is typed for.
        line: What follows the magic.
        cell: The lines below, where there are any.

    Raises:
        UsageError: An option is not right, or there is no prompt.
    """
    parser = command.parser(f"%{command.name}" if cell is None else f"%%{command.name}")
    # %%generate has fewer options: those it lacks are never given.
    parser.set_defaults(**{option.name: option.default for option in CHAT})
    words, rest = leading_options(line, parser)
    if {"--think", "--no-think"} <= set(words):
        parser.error("--think and --no-think contradict each other: leave one out")
    arguments = parser.parse(words)
    if cell is not None and (kept := _KEPT.fullmatch(rest)):
        arguments.out, rest = kept["name"], ""
    if cell is not None and rest.strip():
        parser.error(f"unexpected {rest.strip()!r}: the prompt goes on the lines below")
    text = rest.strip() if cell is None else cell.removesuffix("\n")
    if arguments.fix and not text.strip():
        text = FIX
    if not text.strip():
        parser.error("there is no prompt")
    if arguments.schema is not None and arguments.tools is not None:
        parser.error("--schema and --tools cannot be combined: leave one out")
    if arguments.compare:
        _refuse_beside_compare(arguments, parser)
    if arguments.background:
        background.refuse_beside(arguments, parser)
    return arguments, text


def _refuse_beside_compare(arguments: Arguments, parser: Parser) -> None:
    if arguments.model is not None:
        parser.error("-m and --compare cannot be combined: name that model in --compare")
    if arguments.confirm:
        parser.error("--confirm works with one model only: leave out --compare")


def ask(
    magics: XinferenceMagics,
    arguments: Arguments,
    text: str,
    local: dict[str, Any] | None,
    main_thread: MainThread,
) -> list[Fitted]:
    """Settle all that will be sent, and that it fits into the context of each model.

    Returns:
        A question for each of those who are asked; one, unless models are compared.

    Raises:
        XinferenceError: A value, a parameter or a model is not right; nothing was sent.
    """
    variables = {**magics.shell.user_ns, **(local or {})}
    with collected_notes() as shortened:
        prompt = prompt_of(magics.shell, arguments, text, variables)
    parameters = parameters_of(arguments)
    _put_in_uids(arguments, variables)
    thread = _thread(magics, arguments)
    answerers = [
        choose(magics, arguments, variables, main_thread, name, thread)
        for name in arguments.compare or [arguments.model]
    ]
    for answerer in answerers:
        if isinstance(answerer, ModelAnswerer):
            refuse_unreadable(magics.session, prompt, answerer.name)
        elif isinstance(answerer, RunnableAnswerer):
            answerer.refuse(parameters)
    if parameters.get("enable_thinking"):
        show(filter(None, map(cannot_think, answerers)))
    if not arguments.raw:
        hint_at_braces(magics.session, text, variables)
    questions = [_question(magics, arguments, prompt, parameters, each) for each in answerers]
    if arguments.new and not (arguments.once or arguments.show_prompt):
        conversation_of(magics, arguments).thread = thread
    show(shortened)
    return questions


def _thread(magics: XinferenceMagics, arguments: Arguments) -> str:
    """Return the id under which an agent keeps what belongs to the conversation."""
    if arguments.once or arguments.new:
        return new_thread()
    return conversation_of(magics, arguments).thread


def _put_in_uids(arguments: Arguments, variables: Mapping[str, Any]) -> None:
    """Take the UIDs in variables for the models that options name.

    Raises:
        PromptError: There is none in a variable, or the same one in two.
    """
    arguments.model = model_meant(arguments.model, variables)
    if arguments.compare:
        uids = [model_meant(name, variables, "--compare") for name in arguments.compare]
        if len(set(uids)) < len(uids):
            named = ", ".join(map(str, uids))
            raise PromptError(
                f"--compare names a model twice: {named}.", hint="Name each model once."
            )
        arguments.compare = uids


def _question(
    magics: XinferenceMagics,
    arguments: Arguments,
    prompt: Prompt,
    parameters: dict[str, Any],
    answerer: Answerer,
) -> Fitted:
    conversation = conversation_of(magics, arguments)
    alone = arguments.new or arguments.once
    question = Question(
        answerer=answerer,
        prompt=prompt.text,
        blocks=prompt.blocks,
        system=_system(magics, arguments, conversation),
        before=() if alone else tuple(conversation.before(magics.cells.current)),
        parameters=parameters,
        conversation=None if arguments.once else conversation.name,
        format=arguments.format,
        server_version=magics.session.server_version,
        learnt=_learnt(magics.session, answerer),
    )
    return fitted(question)


def _learnt(session: Session, answerer: Answerer) -> Learnt | None:
    """Return what is learnt about who answers, where that is a model and not a chain."""
    return session.lessons.of(answerer.model) if isinstance(answerer, ModelAnswerer) else None


def _show(session: Session, asked: list[Fitted]) -> None:
    """Show what would be sent, message by message, and how much it is for each model."""
    longest = max(asked, key=lambda each: each.tokens)
    for message in longest.question.messages:
        session.say(f"[{message.type}]\n{Prompt.of(message.content).text}\n")
    for each in asked:
        session.say(f"About {each.tokens:,} tokens for {each.question.answerer.name}.")


def conversation_of(magics: XinferenceMagics, arguments: Arguments) -> Conversation:
    """Return the conversation that a cell goes on with."""
    conversations = magics.session.conversations
    name = arguments.conversation
    return conversations.current if name is None else conversations.begin(name)


def _system(magics: XinferenceMagics, arguments: Arguments, conversation: Conversation) -> str:
    """Choose the system prompt: of the cell, else of the conversation, else of all."""
    given = (arguments.system, None if arguments.once else conversation.system, magics.system)
    return next(each for each in given if each is not None)


def parameters_of(arguments: Arguments) -> dict[str, Any]:
    """Collect the generation parameters, refusing wrong ones before anything is shown or sent."""
    from xinference_magics.wire.parameters import NAMES, checked, refuse_unknown

    given = {
        "temperature": arguments.temperature,
        "max_tokens": arguments.max_tokens,
        "enable_thinking": arguments.think,
    }
    given = {name: value for name, value in given.items() if value is not None}
    given = {**dict(arguments.parameter or []), **given}
    refuse_unknown(given, (*NAMES, "extra_body"))
    checked({name: value for name, value in given.items() if name in NAMES})
    return given


def keep(
    magics: XinferenceMagics, arguments: Arguments, turn: Turn, value: Turn | Comparison
) -> None:
    """Put a turn into its conversation, and what the cell made into its variable."""
    if not arguments.once:
        conversation = conversation_of(magics, arguments)
        conversation.add(turn, magics.cells.current, anew=bool(arguments.new))
    if arguments.out:
        magics.shell.user_ns[arguments.out] = value
    if turn.format == "code" and turn.status == "done":
        magics.shell.set_next_input(unfenced(turn.text)[0].rstrip("\n"))


def finish(turn: Turn, error: Exception | None, flag: Event) -> Turn:
    """Return a turn that was shown, or let the cell fail.

    Args:
        turn: The turn.
        error: What failed.
        flag: Whether the kernel was interrupted, maybe only when all had arrived.

    Raises:
        KeyboardInterrupt: The kernel was interrupted.
        Exception: `error`, where there is one.
    """
    if turn.status == "interrupted":
        raise interrupted(empty=turn.empty)
    if error is not None:
        raise error
    if turn.status == "done" and flag.is_set():
        raise interrupts.one_line("The cell was interrupted; the turn was complete, and is kept.")
    return turn


def interrupted(*, empty: bool) -> KeyboardInterrupt:
    """Return what an interrupted cell raises; `empty` where nothing had arrived."""
    rest = " before anything arrived" if empty else "; what had arrived is kept"
    return interrupts.one_line(f"The turn was interrupted{rest}.")
