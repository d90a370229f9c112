"""The columns that answers add to data, with their types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR = "error"
"""The column that says why a row has no answer."""
ANSWER = "answer"
"""The column of answers without a schema."""

_KINDS = ("string", "integer", "number", "boolean")


@dataclass
class Column:
    """A column of answers.

    Attributes:
        name: Its name.
        kind: The JSON type of its values, if they all have one; else None.
        cells: A value for each row; None where there is no answer.
    """

    name: str
    kind: str | None = "string"
    cells: list[Any] = field(default_factory=list)

    @property
    def typed(self) -> list[Any]:
        """The values; a column of numbers has only floats."""
        if self.kind != "number":
            return self.cells
        return [None if value is None else float(value) for value in self.cells]

    @property
    def has_gaps(self) -> bool:
        """Whether a row has no value."""
        return any(value is None for value in self.cells)


def kinds_in(schema: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the fields of an object's JSON schema, and the type of each that has a plain one."""
    defined = schema.get("$defs") or schema.get("definitions") or {}
    properties = schema.get("properties") or {}
    return {name: _kind(part, defined) for name, part in properties.items()}


def _kind(part: Any, defined: Mapping[str, Any]) -> str | None:
    if not isinstance(part, dict):
        return None
    reference = part.get("$ref")
    if isinstance(reference, str):
        part = defined.get(reference.rpartition("/")[2]) or {}
    options = [each for each in part.get("anyOf") or () if each.get("type") != "null"]
    if len(options) == 1:
        return _kind(options[0], defined)
    kind = part.get("type")
    if isinstance(kind, list):  # a type of its own or null
        kinds = [each for each in kind if each != "null"]
        kind = kinds[0] if len(kinds) == 1 else None
    plain = kind in _KINDS and not (kind == "string" and "format" in part)  # a date is a date
    return kind if plain else None
