"""Values in nested tags, as MiniMax M3 writes them: ``<place><city>Paris</city></place>``.

They are read as the model's chat template writes them and as Xinference's minimax_m3 parser does:
if all tags are ``<item>``, they form a list, otherwise an object, with lists for repeated tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.values import typed, types_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*)>")
_ITEM = "item"
_DEEPEST = 100  # deeper nesting is useless and cannot be encoded as JSON


@dataclass
class _Element:
    name: str
    schema: Mapping[str, Any]
    start: int  # of its contents
    end: int = 0  # of what was read so far
    parts: list[tuple[str, Any]] = field(default_factory=list)

    def child(self, name: str, start: int) -> _Element:
        """Return a child element with its part of the schema, which determines the value's type."""
        schema = self.schema if isinstance(self.schema, dict) else {}
        items, properties = schema.get("items") or {}, schema.get("properties") or {}
        return _Element(name, items if name == _ITEM else properties.get(name) or {}, start, start)

    def value(self, text: str) -> Any:
        """Return the element's value.

        Args:
            text: Its entire contents.
        """
        if self.parts:
            is_list = all(name == _ITEM for name, _ in self.parts)
            return [value for _, value in self.parts] if is_list else gathered(self.parts)
        types = types_of(self.schema)
        if not text.strip() and types & {"array", "object"}:
            return [] if "array" in types else {}
        return typed(text if types == {"string"} else text.strip(), self.schema)


def gathered(parts: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object made from its parts; a repeated name gets a list of its values."""
    by_name: dict[str, list[Any]] = {}
    for name, value in parts:
        by_name.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in by_name.items()}


def nested(text: str, schema: Mapping[str, Any]) -> Any:
    """Return the value of `text` under `schema`, read from its tags or as a plain value.

    Raises:
        ValueError: It must be JSON or tags but is neither.
    """
    whole = _Element("", schema, 0)
    if _read(text, whole):
        return whole.value("")
    return _Element("", schema, 0).value(text)


def _read(text: str, whole: _Element) -> bool:
    """Read the tags into `whole`; return whether there is nothing else."""
    opened = [whole]
    for tag in _TAG.finditer(text):
        inner, name = opened[-1], tag[2]
        blank = not text[inner.end : tag.start()].strip()
        if not tag[1]:
            is_text = not blank or "string" in types_of(inner.schema)
            if is_text or len(opened) > _DEEPEST:
                return False
            opened.append(inner.child(name, tag.end()))
        elif len(opened) == 1 or inner.name != name or (inner.parts and not blank):
            return False
        else:
            opened.pop()
            said = "" if inner.parts else text[inner.start : tag.start()]
            opened[-1].parts.append((name, inner.value(said)))
            opened[-1].end = tag.end()
    return len(opened) == 1 and bool(whole.parts) and not text[whole.end :].strip()
