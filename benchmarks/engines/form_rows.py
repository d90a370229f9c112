"""Answers in a given form: JSON schemas, JSON, and choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parameter_rows import A_WARNING
from row import ASK_PERSON, ASK_WEATHER, IGNORED, REFUSED, WORKS, Row, fits, form
from tool_rows import WEATHER

if TYPE_CHECKING:
    from asking import Model

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
ANY_JSON = {"type": "json_object"}


def _json_schema(model: Model) -> str:
    asked = {"response_format": form(PERSON), "max_tokens": 60}
    whole = model.whole(ASK_PERSON, **asked)
    if whole.refused:
        return REFUSED
    stream = model.streamed(ASK_PERSON, **asked)
    return WORKS if fits(whole.text, PERSON) and fits(stream.text, PERSON) else IGNORED


def _no_grammar(model: Model) -> str:
    """Ask for a valid schema that the grammars of these engines cannot express."""
    text = {"type": "string", "pattern": "^(?!x)[0-9]{3}$"}
    schema = {"type": "object", "properties": {"code": text}, "required": ["code"]}
    whole = model.whole("Write a poem about the sea.", response_format=form(schema))
    if whole.refused:
        return REFUSED
    return WORKS if fits(whole.text, schema) else "all of it ignored, silently"


def _json_object(model: Model) -> str:
    whole = model.whole(ASK_PERSON, response_format=ANY_JSON, max_tokens=60)
    if whole.refused:
        return REFUSED
    return WORKS if whole.text.lstrip().startswith("{") else IGNORED


def _guided(model: Model) -> str:
    whole = model.whole("Which colour has the sky?", guided_choice=["red", "green"])
    if whole.refused:
        return REFUSED
    return WORKS if whole.text.strip() in {"red", "green"} else IGNORED


def _schema_beside_tools(model: Model) -> str:
    whole = model.whole(ASK_WEATHER, response_format=form(PERSON), tools=[WEATHER])
    if whole.refused:
        return REFUSED
    if fits(whole.text, PERSON):
        return "the schema wins"
    return "the tools win" if whole.calls else "the schema is ignored"


FORM_ROWS = (
    Row(
        "`response_format` with a JSON schema",
        _json_schema,
        f"{A_WARNING}; structured output uses tools there",
        {"response_format": form(PERSON)},
    ),
    Row(
        "a schema with a keyword that grammars lack, such as a lookahead",
        _no_grammar,
        "on llama.cpp such keywords are left out, with a warning",
    ),
    Row(
        "`response_format` of type `json_object`",
        _json_object,
        f"on llama.cpp the schema of any object is sent instead; {A_WARNING}",
        {"response_format": ANY_JSON},
    ),
    Row("`guided_choice`", _guided),
    Row("a JSON schema beside tools", _schema_beside_tools, "never sent together to llama.cpp"),
)
