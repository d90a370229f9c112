"""What a `ChatXinference` makes of an engine: the same questions through the LangChain object."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, Field

from xinference_magics.errors import XinferenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from xinference_magics import ChatXinference

RIGHT, NOT_ENFORCED, NOT_CALLED = "right", "not enforced", "the model did not call"

ASK_WEATHER = "What is the weather in Paris?"
ASK_PERSON = "Ada is 36 years old. Describe her."
JOKE = "Tell me a joke about cats."


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


@dataclass(frozen=True)
class ObjectRow:
    """A row of the table.

    Args:
        title: What is asked, in Markdown.
        see: Asks through the object and says what came of it.
    """

    title: str
    see: Callable[[ChatXinference], str]


def _whole(model: Runnable[Any, AIMessage], prompt: str) -> AIMessage:
    return model.invoke(prompt)


def _streamed(model: Runnable[Any, AIMessage], prompt: str) -> AIMessage:
    first, *others = model.stream(prompt)
    return sum(others, first)  # type: ignore[return-value]  # a chunk is a message


def _called(answer: AIMessage) -> set[str]:
    return {call["name"] for call in answer.tool_calls}


def _auto(read: Callable[[Runnable[Any, AIMessage], str], AIMessage]) -> Callable[..., str]:
    def see(llm: ChatXinference) -> str:
        answer = read(llm.bind_tools([GetWeather, Add]), ASK_WEATHER)
        cities = [call["args"].get("city") for call in answer.tool_calls]
        return RIGHT if "Paris" in cities else NOT_CALLED

    return see


def _choice(
    choice: str, prompt: str, read: Callable[[Runnable[Any, AIMessage], str], AIMessage]
) -> Callable[..., str]:
    """See whether a choice holds against what the model would do by itself."""

    def see(llm: ChatXinference) -> str:
        called = _called(read(llm.bind_tools([GetWeather, Add], tool_choice=choice), prompt))
        return RIGHT if (choice in called if choice == "Add" else called) else NOT_ENFORCED

    return see


def _none(llm: ChatXinference) -> str:
    answer = llm.bind_tools([GetWeather], tool_choice="none").invoke(ASK_WEATHER)
    return RIGHT if not answer.tool_calls and '"city"' not in answer.text else NOT_ENFORCED


def _form(method: Any, prompt: str = ASK_PERSON) -> Callable[..., str]:
    def see(llm: ChatXinference) -> str:
        try:
            found = llm.with_structured_output(Person, method=method).invoke(prompt)
            *_, streamed = llm.with_structured_output(Person, method=method).stream(prompt)
        except OutputParserException:
            return NOT_ENFORCED
        return RIGHT if isinstance(found, Person) and isinstance(streamed, Person) else NOT_ENFORCED

    return see


def _usage(llm: ChatXinference) -> str:
    chunks = list(llm.stream("Say hi."))
    return RIGHT if sum(bool(chunk.usage_metadata) for chunk in chunks) == 1 else "wrong"


OBJECT_ROWS = (
    ObjectRow("tools, `invoke`", _auto(_whole)),
    ObjectRow("tools, `stream`", _auto(_streamed)),
    ObjectRow('`tool_choice="any"`, `invoke`', _choice("any", JOKE, _whole)),
    ObjectRow('`tool_choice="any"`, `stream`', _choice("any", JOKE, _streamed)),
    ObjectRow("`tool_choice` with a name, `invoke`", _choice("Add", ASK_WEATHER, _whole)),
    ObjectRow("`tool_choice` with a name, `stream`", _choice("Add", ASK_WEATHER, _streamed)),
    ObjectRow('`tool_choice="none"`', _none),
    ObjectRow("`with_structured_output`, its default", _form(None)),
    ObjectRow("`json_schema`", _form("json_schema")),
    ObjectRow("`function_calling`", _form("function_calling")),
    ObjectRow(
        "`json_mode`, where the prompt asks for JSON",
        _form("json_mode", ASK_PERSON + ' Answer in JSON only: {"name": ..., "age": ...}'),
    ),
    ObjectRow("token usage of a stream", _usage),
)


def see(row: ObjectRow, llm: ChatXinference) -> str:
    """Return what came of a row: an error is an outcome, too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return row.see(llm)
        except XinferenceError as error:
            return f"{type(error).__name__}"
