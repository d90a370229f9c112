"""Agents and other LangGraph graphs, used instead of a model."""

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
