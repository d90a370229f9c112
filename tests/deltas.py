"""Pieces of tool calls as servers stream them, and the message that they make."""

import recorded
from langchain_core.messages import HumanMessage

from xinference_magics.wire.request import ModelDefaults, chat_request
from xinference_magics.wire.stream import StreamConverter

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}
TIME = {"type": "function", "function": {"name": "time", "parameters": {}}}
REQUEST = chat_request(
    [HumanMessage("x")], ModelDefaults(model_uid="tiny"), {"tools": [WEATHER, TIME]}
)
PARIS, ROME = '{"city": "Paris"}', '{"city": "Rome"}'
BOTH = [("weather", {"city": "Paris"}), ("weather", {"city": "Rome"})]


def streamed(chunks):
    converter = StreamConverter(REQUEST)
    found = [converter.feed(chunk) for chunk in chunks]
    generations = [*(each for each in found if each is not None), converter.end()]
    first, *others = [each.message for each in generations]
    return first + others if others else first


def of_pieces(*pieces, finish="tool_calls"):
    """Return the message of a stream in which each piece of a call has its own chunk."""
    deltas = [{"tool_calls": [each]} for each in pieces]
    return streamed([*map(recorded.chunk, deltas), recorded.chunk({}, finish)])


def piece(arguments=None, name=None, **beside):
    function = {"arguments": arguments, "name": name}
    given = {key: value for key, value in function.items() if value is not None}
    return {"type": "function", "function": given, **beside}


def called(message):
    """Return the calls of a message, all valid and each with its own id."""
    assert message.invalid_tool_calls == []
    ids = [call["id"] for call in message.tool_calls]
    assert all(isinstance(each, str) and each for each in ids)
    assert len(set(ids)) == len(ids)
    return [(call["name"], call["args"]) for call in message.tool_calls]
