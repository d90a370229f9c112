"""Agents and other graphs of LangGraph in place of a model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, RemoveMessage, SystemMessage, ToolMessage

from xinference_magics.chat.events import ToolStart, whole
from xinference_magics.chat.graph_interrupts import INTERRUPT, answer_in_code, unanswered
from xinference_magics.chat.piecewise import pieces
from xinference_magics.notes import note

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.events import Event

_REDUCER = "langgraph.graph.message"
"""Where LangGraph's own reducer of messages is, which can drop those that a thread has."""


def is_graph(runnable: object) -> bool:
    """Whether something is a compiled graph."""
    return hasattr(runnable, "aget_state")


async def of_graph(
    name: str, graph: Any, messages: Sequence[BaseMessage], thread: str
) -> AsyncIterator[Event]:
    """Follow a graph's messages as they stream, and the calls of its tools.

    Args:
        name: The user's variable.
        graph: A compiled graph.
        messages: The turns before and the prompt.
        thread: The id of the conversation, under which a checkpointer keeps the graph's state.

    Raises:
        NotebookError: It asks something of a person; the hint says how that is answered.
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
    """Return with what config a graph is run, and what messages it is given.

    The conversation of the notebook has all turns, as they were edited and run again, so that the
    messages replace those of the thread; what else the graph keeps there goes on. Where the
    messages cannot be replaced, each turn has a thread of its own. A thread that the user has bound
    to the graph remembers the turns before by itself, and is only given the prompt.
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
    """Return the id of the thread that the user has bound with `with_config`, if any."""
    config = getattr(graph, "config", None) or {}
    return (config.get("configurable") or {}).get("thread_id")


def _removing_all(graph: Any) -> str | None:
    """Return the id that stands for all messages of a thread, where these can be removed."""
    reducer = getattr(graph.channels.get("messages"), "operator", None)
    if getattr(reducer, "__module__", "") != _REDUCER:
        return None
    return getattr(sys.modules[_REDUCER], "REMOVE_ALL_MESSAGES", None)


def _calls(updates: Any) -> list[ToolStart]:
    """Find the calls in what the nodes of a graph have put into its messages."""
    said = [each.get("messages") for each in updates if isinstance(each, dict)]
    return [
        ToolStart(call["id"] or "", call["name"], call["args"])
        for messages in said
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]
