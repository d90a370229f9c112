"""What an engine makes of a request: one question each, and the answer in a few words.

A question that needs the model's help, such as a tool call, is answered with `UNCLEAR` where the
model did not give it: then nothing was seen, and nothing is claimed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Callable

    from asking import Model, Streamed, Whole

WORKS, IGNORED, REFUSED, UNCLEAR = "works", "ignored", "refused", "not seen"

SENTENCE = "Write one short sentence about a cat."
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)
LONGEST_TRIED = 8_192
"""Tokens of a context that is overrun to see what happens; more take too long on a CPU."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        title: What is asked, in Markdown.
        see: Asks a model and says what came of it.
        done: What ChatXinference or `%%chat` makes of it, in Markdown.
    """

    title: str
    see: Callable[[Model], str]
    done: str = ""


def _tool(name: str, description: str, **kinds: str) -> dict[str, Any]:
    properties = {each: {"type": kind} for each, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": list(kinds)}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


WEATHER = _tool("get_weather", "Get the current weather of a city.", city="string")
ADD = _tool("add", "Add two integers.", a="integer", b="integer")
ASK_WEATHER = "What is the weather in Paris?"
ASK_TWO = "What is the weather in Paris and in Rome? Call the tool for each city."
JOKE = "Tell me a joke about cats."


def _seed(model: Model) -> str:
    def said(seed: int) -> str:
        return model.whole(SENTENCE, temperature=1.5, seed=seed, max_tokens=16).text

    first, again, other = said(7), said(7), said(8)
    if first == again == other:
        return UNCLEAR
    return WORKS if first == again else IGNORED


def _changes(**parameters: Any) -> Callable[[Model], str]:
    """See whether parameters change what the model says at temperature 0."""

    def see(model: Model) -> str:
        changed = model.whole(SENTENCE, max_tokens=24, **parameters)
        if changed.refused:
            return REFUSED
        return WORKS if changed.text != model.whole(SENTENCE, max_tokens=24).text else IGNORED

    return see


def _narrows(**parameters: Any) -> Callable[[Model], str]:
    """See whether parameters keep a hot model to its likeliest words."""

    def see(model: Model) -> str:
        hot = model.whole(SENTENCE, temperature=1.9, max_tokens=16, **parameters)
        if hot.refused:
            return REFUSED
        return WORKS if hot.text == model.whole(SENTENCE, max_tokens=16).text else IGNORED

    return see


def _logprobs(model: Model) -> str:
    asked = {"logprobs": True, "top_logprobs": 2, "max_tokens": 4}
    whole = (model.whole(SENTENCE, **asked).choice.get("logprobs") or {}).get("content")
    stream = any(choice.get("logprobs") for choice in model.streamed(SENTENCE, **asked).choices)
    return {(True, True): WORKS, (True, False): "work, but not streamed"}.get(
        (bool(whole), stream), IGNORED
    )


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _fits(text: str, schema: dict[str, Any]) -> bool:
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


def _json_schema(model: Model) -> str:
    asked = {"response_format": _form(PERSON), "max_tokens": 60}
    whole = model.whole("Ada is 36 years old. Describe her.", **asked)
    if whole.refused:
        return REFUSED
    stream = model.streamed("Ada is 36 years old. Describe her.", **asked)
    return WORKS if _fits(whole.text, PERSON) and _fits(stream.text, PERSON) else IGNORED


def _no_grammar(model: Model) -> str:
    """Ask for a schema that is valid and that grammars of these engines cannot express."""
    text = {"type": "string", "pattern": "^(?!x)[0-9]{3}$"}
    schema = {"type": "object", "properties": {"code": text}, "required": ["code"]}
    whole = model.whole("Write a poem about the sea.", response_format=_form(schema))
    if whole.refused:
        return REFUSED
    return WORKS if _fits(whole.text, schema) else "ignored, silently"


def _json_object(model: Model) -> str:
    asked = {"response_format": {"type": "json_object"}, "max_tokens": 60}
    whole = model.whole("Ada is 36 years old. Describe her.", **asked)
    if whole.refused:
        return REFUSED
    return WORKS if whole.text.lstrip().startswith("{") else IGNORED


def _guided(model: Model) -> str:
    whole = model.whole("Which colour has the sky?", guided_choice=["red", "green"])
    if whole.refused:
        return REFUSED
    return WORKS if whole.text.strip() in {"red", "green"} else IGNORED


def _schema_beside_tools(model: Model) -> str:
    whole = model.whole(ASK_WEATHER, response_format=_form(PERSON), tools=[WEATHER])
    if whole.refused:
        return REFUSED
    if _fits(whole.text, PERSON):
        return "the schema wins"
    return "the tools win" if whole.calls else "the schema is ignored"


def _found(answer: Whole | Streamed) -> str:
    """Say where a tool call was found."""
    if answer.refused:
        return REFUSED
    if answer.calls:
        return "parsed"
    return (
        "left in the text" if '"city"' in answer.text or "get_weather" in answer.text else UNCLEAR
    )


def _tools_whole(model: Model) -> str:
    return _found(model.whole(ASK_WEATHER, tools=[WEATHER, ADD], max_tokens=90))


def _tools_streamed(model: Model) -> str:
    return _found(model.streamed(ASK_WEATHER, tools=[WEATHER, ADD], max_tokens=90))


def _choice(wanted: Any, prompt: str, name: str | None = None) -> Callable[[Model], str]:
    """See whether a choice is enforced against what the model would do by itself."""

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


def _ignore_eos(model: Model) -> str:
    answer = model.whole(SENTENCE, ignore_eos=True, max_tokens=60)
    return REFUSED if answer.refused else WORKS if answer.finish == "length" else IGNORED


def _taken(**parameters: Any) -> Callable[[Model], str]:
    """See whether something that cannot be done is refused."""

    def see(model: Model) -> str:
        answer = model.whole(SENTENCE, **{"max_tokens": 8, **parameters})
        return REFUSED if answer.refused else "ignored, silently"

    return see


def _choices(model: Model) -> str:
    answer = model.whole(SENTENCE, n=2, temperature=1.0, max_tokens=8)
    if answer.refused:
        return REFUSED
    return WORKS if len(answer.data.get("choices") or ()) > 1 else IGNORED


def _image(model: Model) -> str:
    parts = [
        {"type": "text", "text": "Say yes."},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    if {"vision", "omni"} & set(model.described.get("model_ability") or ()):
        return "it can see"
    answer = model.whole([{"role": "user", "content": parts}], max_tokens=8)
    return REFUSED if answer.refused else "dropped, silently"


def _too_long(model: Model) -> str:
    length = model.described.get("context_length") or 0
    if not 0 < length <= LONGEST_TRIED:
        return UNCLEAR
    answer = model.whole("word " * (length + 1_000), max_tokens=4)
    return REFUSED if answer.refused else "cut, silently"


def _beyond(model: Model) -> str:
    answer = model.whole("Say hi.", max_tokens=10_000_000, stop=["."])
    return REFUSED if answer.refused else "capped"


def _times(found: list[Any]) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(len(found), f"{len(found)} times")


def _usage_asked(model: Model) -> str:
    asked = {"stream_options": {"include_usage": True}, "max_tokens": 8}
    return _times(model.streamed(SENTENCE, **asked).usages)


def _usage(model: Model) -> str:
    return _times(model.streamed(SENTENCE, max_tokens=8).usages)


def _finish(model: Model) -> str:
    asked = {"stream_options": {"include_usage": True}, "max_tokens": 8}
    return _times(model.streamed(SENTENCE, **asked).finishes)


def _name(model: Model) -> str:
    named = str(model.whole(SENTENCE, max_tokens=4).data.get("model"))
    return "the UID" if named == model.uid else "a path on the server" if "/" in named else named


def _cached(model: Model) -> str:
    prompt = "You know this list: " + ", ".join(f"item {n}" for n in range(60)) + ". How many?"
    for _ in range(2):
        usage = model.whole(prompt, max_tokens=2).data.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return "counted" if details.get("cached_tokens") else "not counted"


def _continues(model: Model) -> str:
    messages = [
        {"role": "user", "content": "Name a colour."},
        {"role": "assistant", "content": "The colour is"},
    ]
    answer = model.whole(messages, max_tokens=10)
    if answer.refused:
        return REFUSED
    return "continued" if answer.text.startswith("The colour is") else "a new turn"


def _leaving(model: Model) -> str:
    """Leave a stream early: an abort a moment later finds it only where it goes on."""
    word = model.abort(model.left_early())
    return {"DONE": "goes on until aborted", "NO_OP": "goes on"}.get(word, "ends at once")


ROWS = (
    Row("`seed`", _seed, "a warning where it is ignored"),
    Row("`logprobs`, `top_logprobs`", _logprobs, "a warning where they are ignored"),
    Row("`top_p`", _narrows(top_p=0.000001, seed=3)),
    Row("`top_k`", _narrows(top_k=1, seed=3)),
    Row("`repetition_penalty`", _changes(repetition_penalty=1.9), "a warning where it is ignored"),
    Row("`frequency_penalty`", _changes(frequency_penalty=2.0), "a warning where it is ignored"),
    Row("`presence_penalty`", _changes(presence_penalty=2.0)),
    Row("`ignore_eos`", _ignore_eos, "a warning where it is ignored"),
    Row("`n=2`", _choices, "`n` is not a parameter: `batch` asks twice"),
    Row("`logit_bias`", _taken(logit_bias={"10": 5}), "the server's own words"),
    Row("`lora_name` of no adapter", _taken(lora_name="nope")),
    Row("`response_format` with a JSON schema", _json_schema, "used where it works"),
    Row("a schema that cannot become a grammar", _no_grammar, "the answer is checked"),
    Row("`response_format` of type `json_object`", _json_object, "a warning where it is ignored"),
    Row("`guided_choice`", _guided),
    Row("a JSON schema beside tools", _schema_beside_tools, "they are never sent together there"),
    Row("tools, whole answer", _tools_whole, "calls in the text are found here"),
    Row("tools, streamed", _tools_streamed, "calls in the text are found here"),
    Row(
        '`tool_choice="required"`',
        _choice("required", JOKE),
        "enforced by a JSON schema where the engine follows one, else the answer is checked",
    ),
    Row(
        "`tool_choice` with a name",
        _choice({"type": "function", "function": {"name": "add"}}, ASK_WEATHER, "add"),
        "the same",
    ),
    Row('`tool_choice="none"`', _none, "no tools are sent"),
    Row("`parallel_tool_calls=False`", _parallel, "a warning where it is ignored"),
    Row("an image for a model that cannot see", _image, "refused before anything is sent"),
    Row("a prompt longer than the context", _too_long, "`%%chat` leaves out the oldest turns"),
    Row("`max_tokens` beyond the context", _beyond),
    Row("a last message of the assistant's", _continues),
    Row("usage in a stream, asked for", _usage_asked, "counted once"),
    Row("usage in a stream, not asked for", _usage, "always asked for"),
    Row("`finish_reason` in a stream", _finish, "the first is kept"),
    Row("`model` in the answer", _name, "the UID"),
    Row("cached tokens in the usage", _cached),
    Row("a stream that is left early", _leaving, "the request is aborted where that works"),
)
