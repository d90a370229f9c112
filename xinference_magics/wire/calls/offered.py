"""The tools offered to a model, the only ones that it can call."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.values import types_of
from xinference_magics.wire.native_calls import TextCall, as_json, is_object, new_id, unwrapped
from xinference_magics.wire.shapes import whole_characters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMES = ("name", "tool_name")
_ARGUMENTS = ("arguments", "parameters", "args")


class Offered:
    """The tools that a model may call.

    Args:
        tools: The tools as OpenAI dicts.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._tools = tools

    @cached_property
    def schemas(self) -> dict[str, Mapping[str, Any]]:
        """The schema of each tool's arguments, by tool name."""
        functions = (tool.get("function") or {} for tool in self._tools)
        return {each["name"]: each.get("parameters") or {} for each in functions if "name" in each}

    def properties(self, name: str) -> Mapping[str, Any]:
        """Return the schema of each argument of a tool."""
        return self.schemas.get(name, {}).get("properties") or {}

    def call(self, data: Any) -> TextCall | None:
        """Make a call from an object that names a tool under any known key; else return None."""
        if not isinstance(data, dict):
            return None
        if isinstance(data.get("function"), dict):
            data = data["function"]
        name = next((data[each] for each in _NAMES if each in data), None)
        if not isinstance(name, str) or name not in self.schemas:
            return None
        return self.named(name, next((data[each] for each in _ARGUMENTS if data.get(each)), {}))

    def named(self, name: str, arguments: Any) -> TextCall:
        """Make a call to `name`, which is complete if its arguments are an object."""
        text = whole_characters(unwrapped(as_json(arguments)))
        return TextCall(name, text, is_object(text), new_id())

    def fits(self, call: TextCall) -> bool:
        """Return whether a call's arguments fit its tool.

        A string for a number and a value outside an enum are left to the tool. If an argument is
        missing or unknown, or is a string where an object or a list belongs, it isn't a call.
        """
        arguments = json.loads(call.arguments or "{}", strict=False) if call.complete else None
        return arguments is not None and _fits(arguments, self.schemas.get(call.name or "", {}))


def _fits(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    # Done by hand: importing jsonschema takes a second, and this runs while an answer streams.
    properties = schema.get("properties") or {}
    others = schema.get("additionalProperties", "properties" not in schema)
    return (
        all(name in arguments for name in schema.get("required") or ())
        and (bool(others) or arguments.keys() <= properties.keys())
        and all(_may_be(value, properties.get(name) or {}) for name, value in arguments.items())
    )


def _may_be(value: Any, schema: Mapping[str, Any]) -> bool:
    types = types_of(schema)
    if not types or value is None:
        return True
    if isinstance(value, dict | list):
        return ("object" if isinstance(value, dict) else "array") in types
    return bool(types - {"object", "array"})
