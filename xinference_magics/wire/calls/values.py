"""Values in calls, as models write them: JSON, Python literals and bare text."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_JSON_TYPES = {
    dict: {"object"},
    list: {"array"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    type(None): {"null"},
}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_KNOWN_ESCAPES = "\\'\"abfnrtvxuUN0\n"


def load(text: str) -> Any:
    """Parse JSON, allowing line breaks in strings, or a Python literal.

    Raises:
        ValueError: It is neither, or nested too deeply.
    """
    try:
        return json.loads(text, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError:
        return literal(expression(text))


def expression(text: str) -> ast.expr:
    """Parse a Python expression without evaluating it.

    Raises:
        ValueError: It isn't an expression, or is nested too deeply.
    """
    try:
        return ast.parse(_ESCAPE.sub(_as_python_knows_it, text.strip()), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError("no expression") from error


def _as_python_knows_it(escape: re.Match[str]) -> str:
    """Double the backslash of an escape that Python would warn about."""
    return escape[0] if escape[1] in _KNOWN_ESCAPES else "\\" + escape[0]


def literal(node: ast.expr) -> Any:
    """Return the value of a literal, which may contain JSON's ``true``, ``false`` and ``null``.

    Raises:
        ValueError: It isn't a literal, or has no JSON equivalent.
    """
    match node:
        case ast.Name(id=word) if word in _WORDS:
            return _WORDS[word]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [literal(each) for each in items]
        case ast.Dict(keys=keys, values=values):
            return {_key(key): literal(each) for key, each in zip(keys, values, strict=True)}
    try:
        value = ast.literal_eval(node)
    except TypeError as error:  # a set with unhashable items
        raise ValueError("no value of JSON") from error
    if not isinstance(value, str | int | float | bool | None):
        raise ValueError("no value of JSON")  # noqa: TRY004  # readers handle only ValueError
    return value


def _key(node: ast.expr | None) -> str:
    key = node and literal(node)
    if not isinstance(key, str):
        raise ValueError("no name")  # noqa: TRY004
    return key


def typed(text: str, schema: Mapping[str, Any]) -> Any:
    """Convert `text` to the type that `schema` asks for.

    Raises:
        ValueError: It must be JSON but isn't.
    """
    types = types_of(schema)
    if types == {"string"}:
        return text
    try:
        value = _WORDS[text] if text in _WORDS else load(text)
    except ValueError:
        if types and "string" not in types:
            raise
        return text
    meant = _JSON_TYPES.get(type(value), set())
    return text if "string" in types and not meant & types else value


def types_of(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that `schema` allows, or an empty set if it does not specify any."""
    if not isinstance(schema, dict):
        return set()  # a schema of true allows everything
    given = schema.get("type") or ()
    types = {given} if isinstance(given, str) else set(given)
    if any(isinstance(each, str) for each in schema.get("enum") or ()):
        types.add("string")
    for either in (*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())):
        types |= types_of(either)
    return types
