"""How a `ChatXinference` handles an engine: the same questions through the LangChain object."""

from __future__ import annotations

import warnings
from functools import wraps
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.errors import GraphRecursionError
from pydantic import BaseModel, Field, ValidationError
from row import ASK_PERSON, ASK_WEATHER, JOKE, Row

from xinference_magics.errors import IgnoredByEngineWarning, XinferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from xinference_magics import ChatXinference

    Read = Callable[[Runnable[Any, AIMessage], Any], AIMessage]
    See = Callable[[ChatXinference], str]

RIGHT, NOT_ENFORCED, NOT_CALLED = "right", "not enforced", "the model did not call"
WRONG_ARGUMENTS = "a call with wrong arguments"
_STEPS = 6  # of an agent, which needs one for an object; LangChain's own limit is 10,000


class GetWeather(BaseModel):
    """Get the current weather of a city."""

    city: str = Field(description="The city's name.")


class Add(BaseModel):
    """Add two integers."""

    a: int
    b: int


class Person(BaseModel):
    """A person."""

    name: str
    age: int


TOOLS: dict[str, type[BaseModel]] = {"GetWeather": GetWeather, "Add": Add}


def _whole(model: Runnable[Any, AIMessage], prompt: Any) -> AIMessage:
    return model.invoke(prompt)


def _streamed(model: Runnable[Any, AIMessage], prompt: Any) -> AIMessage:
    first, *others = model.stream(prompt)
    return sum(others, first)  # type: ignore[return-value]  # a chunk is a message


def _judged(answer: AIMessage, wanted: Iterable[str], otherwise: str) -> str:
    """Judge the tool calls: whether one of the wanted tools is called as its schema says."""
    if not any(call["name"] in wanted for call in answer.tool_calls):
        return WRONG_ARGUMENTS if answer.invalid_tool_calls else otherwise
    try:
        for call in answer.tool_calls:
            TOOLS[call["name"]].model_validate(call["args"])
    except ValidationError:
        return WRONG_ARGUMENTS
    return RIGHT


def _auto(read: Read) -> See:
    def see(llm: ChatXinference) -> str:
        answer = read(llm.bind_tools([GetWeather, Add]), ASK_WEATHER)
        return _judged(answer, {"GetWeather"}, NOT_CALLED)

    return see


def _choice(choice: str, prompt: str, read: Read) -> See:
    """Check whether a choice is enforced against what the model would do by itself."""

    def see(llm: ChatXinference) -> str:
        answer = read(llm.bind_tools([GetWeather, Add], tool_choice=choice), prompt)
        return _judged(answer, {choice} & set(TOOLS) or set(TOOLS), NOT_ENFORCED)

    return see


def _none(llm: ChatXinference) -> str:
    answer = llm.bind_tools([GetWeather], tool_choice="none").invoke(ASK_WEATHER)
    return RIGHT if not answer.tool_calls and '"city"' not in answer.text else NOT_ENFORCED


def _second_step(read: Read) -> See:
    """Force a call after an earlier one and its result."""

    def see(llm: ChatXinference) -> str:
        called = llm.bind_tools([GetWeather], tool_choice="any").invoke(ASK_WEATHER)
        if not called.tool_calls:
            return NOT_CALLED
        result = ToolMessage("sunny, 24 degrees", tool_call_id=called.tool_calls[0]["id"])
        said = [HumanMessage(ASK_WEATHER), called, result, HumanMessage("And in Rome?")]
        answer = read(llm.bind_tools([GetWeather, Add], tool_choice="GetWeather"), said)
        return _judged(answer, {"GetWeather"}, NOT_ENFORCED)

    return see


def _form(method: Any, prompt: str = ASK_PERSON) -> See:
    def see(llm: ChatXinference) -> str:
        found = llm.with_structured_output(Person, method=method).invoke(prompt)
        *_, streamed = llm.with_structured_output(Person, method=method).stream(prompt)
        return RIGHT if isinstance(found, Person) and isinstance(streamed, Person) else NOT_ENFORCED

    return see


def _agent(llm: ChatXinference) -> str:
    agent = create_agent(llm, response_format=Person).with_config(recursion_limit=_STEPS)
    try:
        answer = agent.invoke({"messages": [("user", ASK_PERSON)]})
    except GraphRecursionError:  # LangChain asks again until the model calls the form
        return NOT_ENFORCED
    return RIGHT if isinstance(answer.get("structured_response"), Person) else NOT_ENFORCED


def _usage(llm: ChatXinference) -> str:
    chunks = list(llm.stream("Say hi."))
    return RIGHT if sum(bool(chunk.usage_metadata) for chunk in chunks) == 1 else "wrong"


def _with_warnings(see: See) -> See:
    """Add whether the object warned; an error is an outcome, too."""

    @wraps(see)
    def seen(llm: ChatXinference) -> str:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcome = _outcome(see, llm)
        warned = any(issubclass(each.category, IgnoredByEngineWarning) for each in caught)
        return f"{outcome}, with a warning" if warned else outcome

    return seen


def _outcome(see: See, llm: ChatXinference) -> str:
    try:
        return see(llm)
    except OutputParserException:
        return NOT_ENFORCED
    except XinferenceError as error:
        return type(error).__name__


_ASKING_FOR_JSON = f'{ASK_PERSON} Answer in JSON only: {{"name": ..., "age": ...}}'

OBJECT_ROWS = tuple(
    Row(title, _with_warnings(see))
    for title, see in (
        ("tools, `invoke`", _auto(_whole)),
        ("tools, `stream`", _auto(_streamed)),
        ('`tool_choice="any"` or `"required"`, `invoke`', _choice("any", JOKE, _whole)),
        ("the same, `stream`", _choice("any", JOKE, _streamed)),
        ("`tool_choice` with a name, `invoke`", _choice("Add", ASK_WEATHER, _whole)),
        ("a name, `stream`", _choice("Add", ASK_WEATHER, _streamed)),
        ("a name, after an earlier call and its result", _second_step(_whole)),
        ("a name after them, `stream`", _second_step(_streamed)),
        ('`tool_choice="none"`', _none),
        ("`with_structured_output`, its default", _form(None)),
        ("`json_schema`", _form("json_schema")),
        ("`function_calling`", _form("function_calling")),
        ("`json_mode`, where the prompt asks for JSON", _form("json_mode", _ASKING_FOR_JSON)),
        ("`create_agent` with `response_format`", _agent),
        ("token usage of a stream", _usage),
    )
)
