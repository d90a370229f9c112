"""Chains and graphs instead of a model: whatever they yield becomes one answer."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.runnables import RunnableGenerator, RunnableLambda

from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.runnables import RunnableResponder

USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
CALL = {"name": "add", "args": {"a": 1}, "id": "1", "type": "tool_call"}


def answered(runnable):
    """Have `runnable` answer "Hello"."""
    live = LiveTurn("chain")

    async def stream():
        async for event in RunnableResponder("chain", runnable).events([HumanMessage("Hello")], {}):
            live.add(event)

    asyncio.run(stream())
    return live


def pieces(*values):
    """Return a chain that yields `values` for any input."""

    async def generate(_given):
        for each in values:
            yield each

    return RunnableLambda(str) | RunnableGenerator(generate)


def test_text_is_passed_through():
    live = answered(pieces("Hel", "lo."))
    assert (live.message().text, live.tokens, live.parsed) == ("Hello.", 2, None)


def test_a_growing_object_is_shown_once_complete():
    live = answered(pieces('{"name": "A', 'da", ', '"age": 36}') | JsonOutputParser())
    assert live.message().text == '{"name": "Ada", "age": 36}'
    assert live.parsed == {"name": "Ada", "age": 36}


def test_lists_come_in_parts():
    assert answered(pieces(["a"], ["b"])).parsed == ["a", "b"]


def test_an_unstreamed_message_loses_nothing():
    whole = AIMessage(
        "4",
        additional_kwargs={"reasoning_content": "I add."},
        response_metadata={"finish_reason": "stop"},
        usage_metadata=USAGE,
        tool_calls=[CALL],
    )
    message = answered(RunnableLambda(lambda _text: whole)).message()
    assert (message.text, message.usage_metadata) == ("4", USAGE)
    assert message.additional_kwargs == {"reasoning_content": "I add."}
    assert message.response_metadata == {"finish_reason": "stop"}
    assert [(each["name"], each["args"]) for each in message.tool_calls] == [("add", {"a": 1})]


def test_a_graph_may_answer_without_a_stream():
    graphs = pytest.importorskip("langgraph.graph")
    graph = graphs.StateGraph(graphs.MessagesState)
    graph.add_node("answer", lambda _state: {"messages": [AIMessage("Hello there.")]})
    graph.set_entry_point("answer")
    assert answered(graph.compile()).message().text == "Hello there."
