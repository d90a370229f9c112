"""Agents and other LangGraph graphs, used instead of a model, and what they ask a person.

Interrupts have the shapes of langgraph 1.2 and langchain 1.5: a `value` and an `id`. Those of
`HumanInTheLoopMiddleware` hold the calls to decide on, either all calls of a message in one
interrupt (``batched``) or each in its own (``per_call``); the user's own nodes may ask anything.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, RemoveMessage, SystemMessage, ToolMessage

from xinference_magics.chat.events import ToolStart, whole
from xinference_magics.chat.piecewise import pieces
from xinference_magics.chat.toolbox import as_text
from xinference_magics.errors import NotebookError
from xinference_magics.notes import note
from xinference_magics.plain import shortened
from xinference_magics.transport.error_details import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.events import Event
    from xinference_magics.remedies import Advice


INTERRUPT = "__interrupt__"
"""The key of the interrupts in a graph's stream."""

_MAX_VALUE_CHARS = 80
"""Maximum characters of an argument in the question."""


def unanswered(name: str, interrupts: Sequence[Any], hint: str | Advice) -> NotebookError:
    """Return an error that shows what a graph asks.

    Args:
        name: The name of the user's variable.
        interrupts: What is asked; empty if the graph stopped at a breakpoint.
        hint: How to answer.
    """
    if not interrupts:
        return NotebookError(f"{name} stopped at one of its breakpoints.", hint=hint)
    asked = shortened(one_line("; ".join(map(_question, interrupts))))
    return NotebookError(f"{name} is waiting for your decision: {asked}", hint=hint)


def answer_in_code(name: str, interrupts: Sequence[Any], config: Mapping[str, Any] | None) -> str:
    """Return a hint with the code that answers what a graph asks.

    Args:
        name: The name of the user's variable.
        interrupts: What is asked; empty if the graph stopped at a breakpoint.
        config: The config the graph was run with; None if it has no checkpointer to resume from.
    """
    if config is None:
        return "Give it a checkpointer, such as InMemorySaver(): without one it cannot resume."
    if not interrupts:
        return f"Continue in code: await {name}.ainvoke(None, {dict(config)!r})"
    given = one_line(repr(_answer(interrupts)))
    return (
        "Answer in code: from langgraph.types import Command; "
        f"await {name}.ainvoke(Command(resume={given}), {dict(config)!r})"
    )


def _question(interrupt: Any) -> str:
    value = interrupt.value
    if not (calls := _asked_calls(value)):
        return as_text(value)
    decisions = dict.fromkeys(d for call in calls for d in _decisions(interrupt, call))
    return f"{', '.join(map(_as_code, calls))} ({' / '.join(decisions) or 'approve'})."


def _answer(interrupts: Sequence[Any]) -> Any:
    """Return a sample answer of the right form, which approves if that is allowed."""
    answers = {each.id: _answer_to(each) for each in interrupts}
    [first, *rest] = interrupts
    alone = not rest and not _is_one_call(first.value)
    return answers[first.id] if alone else answers


def _answer_to(interrupt: Any) -> Any:
    decided = [_decision(interrupt, call) for call in _asked_calls(interrupt.value)]
    if not decided:
        return "..."
    return decided[0] if _is_one_call(interrupt.value) else {"decisions": decided}


def _decision(interrupt: Any, call: Mapping[str, Any]) -> dict[str, Any]:
    allowed = _decisions(interrupt, call) or ["approve"]
    kind = "approve" if "approve" in allowed else allowed[0]
    needed: dict[str, Any] = {
        "edit": {"edited_action": {"name": call["name"], "args": "..."}},
        "respond": {"message": "..."},
    }
    return {"type": kind, **needed.get(kind, {})}


def _asked_calls(value: object) -> list[Mapping[str, Any]]:
    """Return the calls that wait for a decision; an empty list if something else is asked."""
    asked = value.get("action_requests") if isinstance(value, Mapping) else None
    listed = asked if isinstance(asked, list) else [value] if _is_one_call(value) else []
    return [call for call in listed if isinstance(call, Mapping) and "name" in call]


def _is_one_call(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "tool_approval"


def _decisions(interrupt: Any, call: Mapping[str, Any]) -> list[str]:
    """Return the decisions allowed for a call, in the middleware's order."""
    if _is_one_call(interrupt.value):
        schema = getattr(interrupt, "response_schema", None) or {}
        return list(schema.get("discriminator", {}).get("mapping", {}))
    reviews = interrupt.value.get("review_configs")
    for each in reviews if isinstance(reviews, list) else ():
        if isinstance(each, Mapping) and each.get("action_name") == call["name"]:
            allowed = each.get("allowed_decisions")
            return [str(one) for one in allowed] if isinstance(allowed, list | tuple) else []
    return []


def _as_code(call: Mapping[str, Any]) -> str:
    args = call.get("args")
    given = args.items() if isinstance(args, Mapping) else ()
    shown = (f"{name}={shortened(repr(value), _MAX_VALUE_CHARS)}" for name, value in given)
    return f"{call['name']}({', '.join(shown)})"


_REDUCER = "langgraph.graph.message"
"""The module of LangGraph's own message reducer, which can remove a thread's messages."""


def is_graph(runnable: object) -> bool:
    """Whether `runnable` is a compiled graph."""
    return hasattr(runnable, "aget_state")


async def of_graph(
    name: str, graph: Any, messages: Sequence[BaseMessage], thread: str
) -> AsyncIterator[Event]:
    """Stream a graph's messages and its tool calls.

    Args:
        name: The name of the user's variable.
        graph: A compiled graph.
        messages: The earlier turns and the prompt.
        thread: The id of the conversation, under which a checkpointer stores the graph's state.

    Raises:
        NotebookError: The graph asks a person something; the hint says how to answer.
    """
    config, given = _kept(name, graph, messages, thread)
    asked: list[Any] | None = None
    streamed = pieces(graph, {"messages": given}, config, stream_mode=["messages", "updates"])
    async for kind, part in streamed:
        if kind == "messages":
            message = part[0]
            if isinstance(message, AIMessage):
                yield whole(message)
            elif isinstance(message, ToolMessage):
                yield message
        elif INTERRUPT in part:
            asked = [*(asked or ()), *part[INTERRUPT]]
        else:
            for call in _calls(part.values()):
                yield call
    if asked is not None:
        raise unanswered(name, asked, answer_in_code(name, asked, config))


def _kept(
    name: str, graph: Any, messages: Sequence[BaseMessage], thread: str
) -> tuple[dict[str, Any] | None, list[BaseMessage]]:
    """Return the config to run a graph with, and the messages to give it.

    The notebook's conversation has all turns as last edited and run, so its messages replace those
    of the thread; the rest of the graph's state there carries over. If the messages cannot be
    replaced, each turn gets its own thread. A thread that the user has bound to the graph remembers
    the earlier turns itself, and is given only the prompt.
    """
    if not getattr(graph, "checkpointer", None):
        return None, list(messages)
    if bound := _bound_thread(graph):
        if any(isinstance(each, SystemMessage) for each in messages):
            note(f"{name} keeps its own thread; the system prompt was not sent to it.")
        return _config(bound), list(messages[-1:])
    if all_messages := _removing_all(graph):
        return _config(thread), [RemoveMessage(id=all_messages), *messages]
    return _config(f"{thread}-{uuid4().hex[:8]}"), list(messages)


def _config(thread: Any) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def _bound_thread(graph: Any) -> Any:
    """Return the id of the thread that the user bound with `with_config`, if any."""
    config = getattr(graph, "config", None) or {}
    return (config.get("configurable") or {}).get("thread_id")


def _removing_all(graph: Any) -> str | None:
    """Return the id that means all messages of a thread; None if they cannot be removed."""
    reducer = getattr(graph.channels.get("messages"), "operator", None)
    if getattr(reducer, "__module__", "") != _REDUCER:
        return None
    return getattr(sys.modules[_REDUCER], "REMOVE_ALL_MESSAGES", None)


def _calls(updates: Any) -> list[ToolStart]:
    """Find the tool calls among the messages that a graph's nodes added."""
    said = [each.get("messages") for each in updates if isinstance(each, dict)]
    return [
        ToolStart(call["id"] or "", call["name"], call["args"])
        for messages in said
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]
