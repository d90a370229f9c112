"""Tools: who finds the calls, and whether a choice is respected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from row import ASK_WEATHER, IGNORED, JOKE, REFUSED, UNCLEAR, WORKS, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from asking import Model, Streamed, Whole

ASK_TWO = "What is the weather in Paris and in Rome? Call the tool for each city."
FOUND_HERE = "what is left in the text is [parsed here](tools.md#in-code)"


def _tool(name: str, description: str, **kinds: str) -> dict[str, Any]:
    properties = {each: {"type": kind} for each, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": list(kinds)}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


WEATHER = _tool("get_weather", "Get the current weather of a city.", city="string")
ADD = _tool("add", "Add two integers.", a="integer", b="integer")


def _found(answer: Whole | Streamed) -> str:
    """Return where a tool call was found."""
    if answer.refused:
        return REFUSED
    if answer.calls:
        return "parsed"
    written = '"city"' in answer.text or "get_weather" in answer.text
    return "left in the text" if written else UNCLEAR


def _whole(model: Model) -> str:
    return _found(model.whole(ASK_WEATHER, tools=[WEATHER, ADD], max_tokens=90))


def _streamed(model: Model) -> str:
    return _found(model.streamed(ASK_WEATHER, tools=[WEATHER, ADD], max_tokens=90))


def _choice(wanted: Any, prompt: str, name: str | None = None) -> Callable[[Model], str]:
    """Check whether a choice is enforced against what the model would do by itself."""

    def see(model: Model) -> str:
        answer = model.whole(prompt, tools=[WEATHER, ADD], tool_choice=wanted, max_tokens=90)
        if answer.refused:
            return REFUSED
        names = {call["function"]["name"] for call in answer.calls}
        return WORKS if (name in names if name else names) else IGNORED

    return see


def _none(model: Model) -> str:
    answer = model.whole(ASK_WEATHER, tools=[WEATHER], tool_choice="none", max_tokens=90)
    if answer.refused:
        return REFUSED
    if answer.calls:
        return IGNORED
    return "the call is written as text" if '"city"' in answer.text else WORKS


def _parallel(model: Model) -> str:
    asked = {"tools": [WEATHER], "max_tokens": 120}
    if len(model.whole(ASK_TWO, **asked).calls) < 2:  # noqa: PLR2004  # a call for each city
        return UNCLEAR
    calls = model.whole(ASK_TWO, parallel_tool_calls=False, **asked).calls
    return WORKS if len(calls) == 1 else IGNORED


TOOL_ROWS = (
    Row("tools, whole answer", _whole, FOUND_HERE),
    Row("tools, streamed", _streamed, FOUND_HERE),
    Row(
        '`tool_choice="required"`',
        _choice("required", JOKE),
        "on llama.cpp, vLLM and SGLang [made into a schema](#a-forced-tool-call); elsewhere"
        " asked for in words, and checked",
    ),
    Row(
        "`tool_choice` with a name",
        _choice({"type": "function", "function": {"name": "add"}}, ASK_WEATHER, "add"),
        "the same",
    ),
    Row('`tool_choice="none"`', _none, "no tools are sent"),
    Row(
        "`parallel_tool_calls=False`",
        _parallel,
        "a warning where it is ignored; kept where a call is forced",
        {"parallel_tool_calls": False},
    ),
)
