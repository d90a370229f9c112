"""The schema of an answer: how it is sent, and whether a parsed answer fits it.

langchain-core inlines every reference of a class, so a class that refers to itself loses what is
nested in it. It accepts only JSON schemas with a title and properties. It validates answers only
for Pydantic classes; for a TypedDict or a JSON schema, it passes the answer on as received.
"""

from __future__ import annotations

import json
import re
from dataclasses import is_dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, get_origin

from xinference_magics.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_UNNAMED = "answer"
_OF_A_FUNCTION = {"function", "parameters", "input_schema", "toolSpec"}
_OF_A_SCHEMA = {"type", "properties", "title", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"}
_REFERENCE = re.compile(r'"\$ref": "#/\$defs/([^"]+)"')


def as_function(schema: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """Convert a schema to the format of OpenAI's functions.

    Args:
        schema: A Pydantic class, a TypedDict, a dataclass, a function, a tool, a JSON schema of
            any type, OpenAI's ``{"name": ..., "schema": ...}`` or its `response_format`.
        strict: Whether it must be followed exactly.

    Returns:
        `name`, `parameters` (a JSON schema) and, if known, `description` and `strict`.

    Raises:
        BadRequestError: It is none of these, or cannot be converted.
    """
    from langchain_core.utils.function_calling import convert_to_openai_tool
    from pydantic import PydanticUserError

    if get_origin(schema) is not None:
        raise BadRequestError(
            f"{schema} cannot be used as an answer schema on its own.",
            hint="Make it a field: class Answer(BaseModel): items: list[...]",
        )
    try:
        function = convert_to_openai_tool(_taken(schema), strict=strict)["function"]
    except (LookupError, PydanticUserError, RecursionError, TypeError, ValueError) as error:
        named = getattr(schema, "__name__", "This")
        why = "it refers to itself" if isinstance(error, RecursionError) else _line(error)
        raise BadRequestError(
            f"{named} cannot be used as an answer schema: {why}.",
            hint="Pass a Pydantic class, a TypedDict or a JSON schema.",
        ) from error
    return {"parameters": {}, **function}


def as_tool(schema: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """Convert a schema to a tool whose arguments follow it.

    Raises:
        BadRequestError: It isn't a schema, or not that of an object.
    """
    function = as_function(schema, strict=strict)
    form = function["parameters"]
    if form and form.get("type", "object" if "properties" in form else None) != "object":
        raise BadRequestError(
            f"{function['name']} is not an object, as the arguments of a tool call are.",
            hint='method="json_schema" accepts it as it is; or make it a field of an object.',
        )
    return {"type": "function", "function": function}


def unfolded(tool: Any) -> Any:
    """Convert a tool or class that refers to itself into a function with its definitions.

    Others are returned unchanged, because langchain-core inlines what they refer to.
    """
    from pydantic import BaseModel

    fields = getattr(tool, "tool_call_schema", tool)
    if not (isinstance(fields, type) and issubclass(fields, BaseModel)):
        return tool
    whole = fields.model_json_schema()
    if not _is_recursive(whole):
        return tool
    beside = {} if fields is tool else {"name": tool.name, "description": tool.description}
    return _named(whole, beside)


def _taken(schema: Any) -> Any:
    """Return `schema` in a form that langchain-core converts without loss."""
    from langchain_core.utils.pydantic import is_basemodel_subclass
    from typing_extensions import is_typeddict

    if isinstance(schema, dict):
        return _taken_dict(schema)
    with_fields = (is_basemodel_subclass, is_typeddict, is_dataclass)
    if isinstance(schema, type) and not any(has(schema) for has in with_fields):
        raise TypeError("it is a class without fields")
    return unfolded(schema)


def _taken_dict(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "json_schema" and isinstance(schema.get("json_schema"), dict):
        return _taken_dict(schema["json_schema"])
    if isinstance(schema.get("schema"), dict):
        return _named({"title": schema.get("name"), **schema["schema"]}, schema)
    if _OF_A_FUNCTION & schema.keys():
        return schema
    if _OF_A_SCHEMA & schema.keys():
        return _named(schema)
    raise ValueError("it constrains nothing: it has no type, properties or the like")


def _named(schema: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Convert a JSON schema to a function; `given` overrides its own title and description."""
    whole = _opened(schema)
    title, description = whole.pop("title", None), whole.pop("description", None)
    function = {"name": title or _UNNAMED, "description": description, "parameters": whole}
    beside = {key: (given or {}).get(key) for key in ("name", "description", "strict")}
    return {
        **{key: value for key, value in function.items() if value is not None},
        **{key: value for key, value in beside.items() if value is not None},
    }


def _opened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve a reference at the top of a schema, leaving its definitions in place."""
    place, _, name = str(schema.get("$ref", "")).rpartition("/")
    definitions = schema.get(place.removeprefix("#/"), {})
    if name not in definitions:
        return dict(schema)
    rest = {key: value for key, value in schema.items() if key != "$ref"}
    return {**definitions[name], **rest}


def _is_recursive(schema: Mapping[str, Any]) -> bool:
    """Return whether a definition of `schema` refers to itself, directly or through others."""
    refers = {
        name: _REFERENCE.findall(json.dumps(part)) for name, part in schema.get("$defs", {}).items()
    }
    try:
        TopologicalSorter(refers).prepare()
    except CycleError:
        return True
    return False


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".")


def reject_invalid_schema(schema: Mapping[str, Any]) -> None:
    """Reject a schema that no answer can be checked against.

    Raises:
        BadRequestError: `schema` isn't a valid JSON schema.
    """
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise BadRequestError(f"This is not a valid JSON schema: {_placed(error)}.") from None


def mismatch(value: Any, schema: Mapping[str, Any], *, nulls: bool = False) -> str | None:
    """Describe where `value` does not fit `schema`, or return None if it does.

    Args:
        value: Parsed JSON.
        schema: A JSON schema. Null is allowed for any value that may be left out.
        nulls: Whether null is allowed for every value, because the schema that langchain-core
            makes from a TypedDict does not specify which ones may be null.

    Raises:
        BadRequestError: The schema refers to one that it does not define, which is never fetched.
    """
    from jsonschema.exceptions import best_match
    from jsonschema.validators import extend, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema)
    of_properties = kind.VALIDATORS["properties"]

    def properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            needed = () if nulls else schema.get("required") or ()
            value = {name: v for name, v in value.items() if v is not None or name in needed}
        yield from of_properties(validator, wanted, value, schema)

    lenient = extend(kind, {"properties": properties})
    try:
        fault = best_match(lenient(schema, registry=Registry()).iter_errors(value))
    except Unresolvable as error:
        raise BadRequestError(
            f"The schema refers to {error.ref}, which it does not define."
        ) from None
    return None if fault is None else _placed(fault)


def _placed(fault: Any) -> str:
    place = ".".join(map(str, fault.absolute_path))
    return f"{place}: {fault.message}" if place else str(fault.message)
