"""Exchanges the tiny chat model has memorized, worded the same in the tests of every server."""

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

FRANCE = "Q: where can we visit in the capital of France? A:"
PARIS = (
    "In Paris, the capital of France, you can visit the Eiffel Tower, "
    "the Louvre Museum and Notre-Dame Cathedral."
)


def merge(chunks):
    first, *others = chunks
    return first + others


def comes_in_pieces(llm):
    chunks = list(llm.stream(FRANCE))
    assert len(chunks) > 5
    assert sum(chunk.usage_metadata is not None for chunk in chunks) == 1
    assert chunks[-1].chunk_position == "last"


def get_weather(city: str) -> str:
    """Get the current weather of a city."""
    return f"22 degrees in {city}"


def calls_and_answers(llm):
    with_tools = llm.bind_tools([get_weather])
    question = HumanMessage("What is the weather in Paris?")
    for answer in (with_tools.invoke([question]), merge(with_tools.stream([question]))):
        assert answer.content == ""
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
            ("get_weather", {"city": "Paris"})
        ]
        assert answer.response_metadata["finish_reason"] == "tool_calls"
    call = answer.tool_calls[0]
    result = ToolMessage("22 degrees and sunny", tool_call_id=call["id"])
    history = [question, AIMessage("", tool_calls=[call]), result]
    assert with_tools.invoke(history).content == "It is 22 degrees and sunny in Paris."
