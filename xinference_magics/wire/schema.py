"""Whether a parsed answer fits its JSON schema.

langchain-core checks answers for Pydantic classes only; what was asked for by a TypedDict or a
JSON schema it passes on as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def refuse_no_schema(schema: Mapping[str, Any]) -> None:
    """Refuse what no answer can be checked by.

    Raises:
        BadRequestError: `schema` is no JSON schema.
    """
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise BadRequestError(f"This is no JSON schema: {_placed(error)}.") from None


def misfit(value: Any, schema: Mapping[str, Any], *, nulls: bool = False) -> str | None:
    """Say where `value` does not fit `schema`; None where it does.

    Args:
        value: Parsed JSON.
        schema: A JSON schema. Null stands for a value that may be left out.
        nulls: Whether null stands for any value: of a TypedDict langchain-core makes a schema
            that does not say which ones may be null.

    Raises:
        BadRequestError: The schema refers to another, which nobody fetches.
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
            f"The schema refers to {error.ref}, which it does not hold."
        ) from None
    return None if fault is None else _placed(fault)


def _placed(fault: Any) -> str:
    place = ".".join(map(str, fault.absolute_path))
    return f"{place}: {fault.message}" if place else str(fault.message)
