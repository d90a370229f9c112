"""Who answers a cell: the model, wrapped as the cell's options require."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.responders import ModelResponder
from xinference_magics.errors import ModelNotFoundError, NotebookError, PromptError
from xinference_magics.notebook.command_line.questions import NO, YES, answered
from xinference_magics.notebook.prompt.expand import evaluate
from xinference_magics.notebook.prompt.values import returned
from xinference_magics.notebook.session.namespace import CHAT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages.tool import ToolCall

    from xinference_magics.chat.responders import Responder
    from xinference_magics.chat_models import ChatXinference
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import ChatOptions


def model_meant(name: str | None, variables: Mapping[str, Any], option: str = "-m") -> str | None:
    """Return the UID or variable name that an option names; for `$name`, the UID it holds.

    Raises:
        PromptError: The variable does not exist or does not hold a non-empty string.
    """
    if name is None or not name.startswith("$"):
        return name
    uid = evaluate(name[1:], variables, option=option)
    if not isinstance(uid, str) or not uid:
        kind = type(uid).__name__
        raise PromptError(
            f"{option} {name}: the variable holds a value of type {kind}, not a UID.",
            hint=f"{option} {name[1:]} (without $) accepts a model or a chain.",
        )
    return uid


def choose(
    cell: CellContext, options: ChatOptions, name: str | None = None, thread: str | None = None
) -> Responder:
    """Choose who answers.

    Args:
        cell: The cell that asks.
        options: The options of the cell, such as tools or a schema for the model.
        name: A UID or the name of a user variable; None for the model in use.
        thread: The ID under which an agent stores the state of the conversation.

    Raises:
        PromptError: An option names a variable that does not exist or has the wrong type.
        NotebookError: There is no model to ask, or it does not accept tools or a schema.
    """
    from xinference_magics.chat_models import ChatXinference

    named = cell.variables.get(name) if name else None
    if isinstance(named, ChatXinference):
        model = named
    elif (runnable := as_runnable(named)) is not None:
        return _runnable(str(name), runnable, options, thread)
    else:
        model = running_model(cell, options.endpoint, name, named)
    if options.schema is not None:
        return _structured(model, options.schema, options.retries, cell.variables)
    if options.tools is not None:
        return _agent(cell, model, options.tools, confirm=bool(options.confirm))
    return ModelResponder(model)


def running_model(
    cell: CellContext, endpoint: str | None, name: str | None, named: Any
) -> ChatXinference:
    """Return the object for a running model; explain if `name` is a variable instead.

    Args:
        cell: The cell that asks.
        endpoint: The server to connect to first; None for the one in use.
        name: The model's UID; None for the one in use.
        named: The variable of that name, if there is one.
    """
    try:
        model: ChatXinference = cell.session.model_in_use(name, CHAT, endpoint)
    except ModelNotFoundError as error:
        if named is None:
            raise
        holds = f"a value of type {type(named).__name__}"
        raise PromptError(
            f"No running model is called {name}, and the variable {name} holds {holds}.",
            hint=f"-m ${name} asks the model whose UID it holds." if isinstance(named, str) else "",
        ) from error
    return model


def as_runnable(value: Any) -> Any:
    """Return a chain or an agent, or a function as a chain; None for anything else."""
    if callable(getattr(value, "astream", None)):
        return value
    if callable(value) and not isinstance(value, type):
        from langchain_core.runnables import RunnableLambda

        return RunnableLambda(value)
    return None


def _runnable(name: str, runnable: Any, options: ChatOptions, thread: str | None) -> Responder:
    """Return a responder for a runnable in a user variable.

    Raises:
        NotebookError: The options include tools or a schema, which only a model accepts.
    """
    from xinference_magics.chat.runnables import RunnableResponder

    given = {"--schema": options.schema, "--tools": options.tools}
    for option in [option for option, value in given.items() if value is not None]:
        raise NotebookError(
            f"{name} is not a model: {option} needs one.", hint="Build that into the chain."
        )
    return RunnableResponder(name, runnable, thread and f"{thread}-{name}")


def _structured(
    model: ChatXinference, schema: str, retries: int, variables: Mapping[str, Any]
) -> Responder:
    from xinference_magics.chat.structured import Form, Structured

    form = Form.of(evaluate(schema, variables, option="--schema"), "--schema: ")
    return Structured(model, form, retries)


def _agent(cell: CellContext, model: ChatXinference, tools: str, *, confirm: bool) -> Responder:
    from xinference_magics.chat.responders import Agent
    from xinference_magics.chat.toolbox import Toolbox

    offered = evaluate(f"[{tools}]", cell.variables, option="--tools")
    sees = bool((model.profile or {}).get("image_inputs"))
    toolbox = Toolbox(
        offered, partial(returned, sees=sees), cell.main_thread.run, names=cell.variables
    )
    if not toolbox.tools:
        raise PromptError("--tools names no tool.", hint="For example, --tools f,g")
    return Agent(model, toolbox, cell.main_thread, _confirmed if confirm else None)


def _confirmed(call: ToolCall) -> bool | str:
    """Ask the user to approve one tool call; anything but yes or no declines it with a reason."""
    given = ", ".join(f"{name}={value!r}" for name, value in call["args"].items())
    question = f"Call {call['name']}({given})?"
    otherwise = "Leave out --confirm to let the tools run."
    answer = answered(f"{question} [y/N, or why not] ", otherwise=otherwise).strip()
    return answer.lower() in YES or (answer if answer.lower() not in NO else False)
