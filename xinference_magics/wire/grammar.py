"""JSON schemas that engines can enforce during generation.

A keyword that llama.cpp's grammar engine cannot translate makes it drop the whole schema, with
status 200 (tested keyword by keyword on Xinference 4.1, xllamacpp 2026.10). So those keywords are
left out: the engine enforces a wider schema, and the answer is then checked against the full one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_UNTRANSLATED = {
    "not",
    "if",
    "then",
    "else",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
    "unevaluatedItems",
}
_FORMATS = {"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
_TYPES = {"string", "number", "integer", "boolean", "null", "object", "array"}
_BEYOND_REGULAR = re.compile(r"\(\?<?[=!]|\\[bB1-9]|\\k<")
"""What no automaton can match: lookaround, word boundaries and backreferences."""

_NAMED_SCHEMAS = {"properties", "patternProperties", "$defs", "definitions"}
_LITERAL = {"enum", "const", "default", "examples"}
_LOCAL = re.compile(r"#/(?:\$defs|definitions)/([^/]+)(.*)")


def followable(schema: Any) -> Any:
    """Return `schema` without what llama.cpp cannot enforce."""
    if isinstance(schema, list):
        return [followable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if _translates(name, value)}
    overlapping = kept.pop("oneOf", None)
    if overlapping is not None and "anyOf" not in kept:
        kept["anyOf"] = overlapping
    return {name: _under(name, value, followable) for name, value in kept.items()}


def unfollowed(schema: Any) -> Iterator[str]:
    """Yield the keywords that `followable` leaves out, with their values if these are strings."""
    if isinstance(schema, list):
        for each in schema:
            yield from unfollowed(each)
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if not _translates(name, value):
            yield f"{name} {value!r}" if isinstance(value, str) else name
        elif name in _NAMED_SCHEMAS and isinstance(value, dict):
            yield from unfollowed(list(value.values()))
        elif name not in _LITERAL:
            yield from unfollowed(value)


def _under(name: str, value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to the schemas under a keyword, but not to property names or values."""
    if name in _LITERAL:
        return value
    if name in _NAMED_SCHEMAS and isinstance(value, dict):
        return {each: change(schema) for each, schema in value.items()}
    return change(value) if isinstance(value, dict | list) else value


def _translates(name: str, value: Any) -> bool:
    if name == "format":
        return value in _FORMATS
    if name == "type":
        given = value if isinstance(value, list) else [value]
        return all(isinstance(each, str) and each in _TYPES for each in given)
    if name == "pattern":
        return not (isinstance(value, str) and _BEYOND_REGULAR.search(value))
    if name == "$ref":
        return isinstance(value, str) and value.startswith("#")
    return name not in _UNTRANSLATED


_SAY_WHAT_ELSE = {"additionalProperties", "patternProperties", "allOf", "anyOf", "$ref"}
"""Keywords that may allow more than the properties that a schema lists."""


def call_schema(
    function: Mapping[str, Any], key: str, definitions: dict[str, Any]
) -> dict[str, Any]:
    """Return the schema of a call to `function`.

    Args:
        function: The tool, as OpenAI's `function`.
        key: Distinguishes its definitions from those of other tools.
        definitions: Receives what its schema refers to, for the ``$defs`` of the whole schema.
    """
    own = followable({"type": "object", **(function.get("parameters") or {"properties": {}})})
    if "properties" in own and not own.keys() & _SAY_WHAT_ELSE:
        own["additionalProperties"] = False  # weak models otherwise make up arguments
    own.setdefault("properties", {})
    arguments = _hoisted(own, key, definitions)
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _hoisted(schema: Any, key: str, definitions: dict[str, Any]) -> Any:
    """Move the definitions in a tool's schema to the top of the whole one; update references."""
    own = {name: value for name, value in schema.items() if name not in ("$defs", "definitions")}
    whole = False

    def pointing(part: Any) -> Any:
        nonlocal whole
        if isinstance(part, list):
            return [pointing(each) for each in part]
        if not isinstance(part, dict):
            return part
        made = {name: _under(name, value, pointing) for name, value in part.items()}
        if isinstance(target := made.get("$ref"), str):
            found = _LOCAL.fullmatch(target)
            whole = whole or not found
            rest = f"_{found[1]}{found[2]}" if found else target[1:]
            made["$ref"] = f"#/$defs/{key}{rest}"
        return made

    for group in ("$defs", "definitions"):
        for name, each in (schema.get(group) or {}).items():
            definitions[f"{key}_{name}"] = pointing(each)
    arguments = pointing(own)
    if whole:
        definitions[key] = arguments
    return arguments
