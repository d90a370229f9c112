"""Who answers a cell: the model, with what the cell's options put around it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.core.async_helpers import get_asyncio_loop

from xinference_magics.chat.answerers import ModelAnswerer
from xinference_magics.errors import ConnectError, NotebookError, PromptError, XinferenceError
from xinference_magics.notebook.prompt import evaluate
from xinference_magics.notebook.questions import agreed
from xinference_magics.notebook.ready_made import CHAT
from xinference_magics.notebook.values import returned

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Mapping

    from langchain_core.messages.tool import ToolCall

    from xinference_magics.chat.answerers import Answerer
    from xinference_magics.chat.main_thread import MainThread
    from xinference_magics.chat_models import ChatXinference
    from xinference_magics.notebook.magics import XinferenceMagics


def user_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop on which the user's cells run what they await."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        loop: asyncio.AbstractEventLoop = get_asyncio_loop()  # type: ignore[no-untyped-call]
        return loop


def model_meant(name: str | None, variables: Mapping[str, Any], option: str = "-m") -> str | None:
    """Return what an option names: a UID or a variable as typed, or the UID that `$name` holds.

    Raises:
        PromptError: There is no such variable, or no text in it.
    """
    if name is None or not name.startswith("$"):
        return name
    uid = evaluate(name[1:], variables, option=option)
    if not isinstance(uid, str) or not uid:
        kind = type(uid).__name__
        raise PromptError(
            f"{option} {name}: the variable holds a {kind}, not a UID.",
            hint=f"{option} {name[1:]} (without $) accepts a model or a chain.",
        )
    return uid


def choose(  # noqa: PLR0913, PLR0917  # what a cell says about who answers
    magics: XinferenceMagics,
    arguments: Arguments,
    variables: Mapping[str, Any],
    main_thread: MainThread,
    name: str | None = None,
    thread: str | None = None,
) -> Answerer:
    """Choose who answers.

    Args:
        magics: Whose models are asked.
        arguments: What is put around the model.
        variables: The user's.
        main_thread: Where tools run.
        name: A UID, or a variable of the user's; None for the model in use.
        thread: The id under which an agent keeps what belongs to the conversation.

    Raises:
        PromptError: An option names a variable that is not there, or not what it has to be.
        NotebookError: There is no model to ask, or it is none that tools or a schema go with.
    """
    from xinference_magics.chat_models import ChatXinference

    named = variables.get(name) if name else None
    if isinstance(named, ChatXinference):
        model = named
    elif callable(getattr(named, "astream", None)):
        return _runnable(str(name), named, arguments, thread)
    else:
        model = _running(magics, arguments, name, named)
    if arguments.schema is not None:
        return _structured(model, arguments, variables)
    if arguments.tools is not None:
        return _agent(model, arguments, variables, main_thread)
    return ModelAnswerer(model)


def _running(
    magics: XinferenceMagics, arguments: Arguments, name: str | None, named: Any
) -> ChatXinference:
    """Return the object of a running model, or say that its name is that of a function."""
    try:
        model: ChatXinference = magics.session.model_in_use(name, CHAT, arguments.endpoint)
    except XinferenceError as error:
        if callable(named) and not isinstance(error, ConnectError):
            raise PromptError(
                f"-m {name}: {name} is a {type(named).__name__}, and no running model is called "
                f"{name}.",
                hint=f"RunnableLambda({name}) turns it into a chain.",
            ) from error
        raise
    return model


def _runnable(name: str, runnable: Any, arguments: Arguments, thread: str | None) -> Answerer:
    """Take a variable of the user's for who answers.

    Raises:
        NotebookError: It is no model, and only a model can be given tools or a schema.
    """
    from xinference_magics.chat.runnables import RunnableAnswerer

    given = {"--schema": arguments.schema, "--tools": arguments.tools}
    for option in [option for option, value in given.items() if value is not None]:
        raise NotebookError(
            f"{name} is not a model: {option} needs one.", hint="Build that into the chain."
        )
    return RunnableAnswerer(name, runnable, thread and f"{thread}-{name}")


def _structured(
    model: ChatXinference, arguments: Arguments, variables: Mapping[str, Any]
) -> Answerer:
    from xinference_magics.chat.structured import Form, Structured

    schema = evaluate(arguments.schema, variables, option="--schema")
    return Structured(model, Form.of(schema), arguments.retries)


def _agent(
    model: ChatXinference,
    arguments: Arguments,
    variables: Mapping[str, Any],
    main_thread: MainThread,
) -> Answerer:
    from xinference_magics.chat.agent import Agent
    from xinference_magics.chat.toolbox import Toolbox

    offered = evaluate(f"[{arguments.tools}]", variables, option="--tools")
    sees = bool((model.profile or {}).get("image_inputs"))
    toolbox = Toolbox(offered, partial(returned, sees=sees), main_thread.run)
    if not toolbox.tools:
        raise PromptError("--tools names no tool.", hint="For example, --tools f,g")
    return Agent(model, toolbox, main_thread, _confirmed if arguments.confirm else None)


def _confirmed(call: ToolCall) -> bool:
    """Ask the user about one call of a tool."""
    given = ", ".join(f"{name}={value!r}" for name, value in call["args"].items())
    question = f"Call {call['name']}({given})?"
    return agreed(question, otherwise="Leave out --confirm to let the tools run.")
