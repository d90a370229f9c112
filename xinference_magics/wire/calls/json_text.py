"""Read JSON objects and nested elements whose text arrives piece by piece."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.cursor import NotACallError
from xinference_magics.wire.calls.values import typed, types_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from xinference_magics.wire.calls.cursor import Cursor, Reading


_TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*)>")
_ITEM = "item"
_MAX_LEVELS = 100  # deeper nesting is useless and cannot be encoded as JSON


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
            if is_text or len(opened) > _MAX_LEVELS:
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


_MAX_NESTED = 64
_INSIDE = {
    '"': re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL),
}
_WORD = re.compile(r"[\w.+-]*")
_VALUE = re.compile(r"true|false|null|True|False|None|-?\d[\w.+-]*")
_BEHIND = {"<", "`", "]", ""}  # what may follow the last brace
_CLOSES = {"{": "}", "[": "]"}
_DOUBLED = "{{"

NAMES = ("name", "tool_name")
ARGUMENTS = frozenset({"arguments", "parameters", "args"})
KEYS = (*NAMES, "arguments", "parameters", "id", "tool_call_id", "type")
"""The only keys allowed in a call that is not marked as one."""


class TornError(Exception):
    """The object is malformed, or the text ended inside it."""


class _Object:
    """The state of an object while it is being read."""

    def __init__(self, cursor: Cursor, names: Collection[str] | None, *, strict: bool) -> None:
        self.cursor = cursor
        self.names = names
        self.strict = strict
        self.open = ["{"]
        self.key = ""
        self._start = cursor.mark()
        self._parts: list[str] = []

    @property
    def at_top(self) -> bool:
        return self.open == ["{"]

    @property
    def closing(self) -> str:
        """The bracket that closes the innermost object or list."""
        return _CLOSES[self.open[-1][0]]

    @property
    def text(self) -> str:
        """What was consumed, without what was dropped."""
        return "".join(self._parts) + self.cursor.since(self._start)

    def drop(self) -> None:
        """Consume a character that does not belong to the text."""
        self._parts.append(self.cursor.since(self._start))
        self.cursor.step()
        self._start = self.cursor.mark()


def json_object(
    cursor: Cursor, names: Collection[str] | None = None, *, strict: bool = False
) -> Reading[str]:
    """Consume an object, in JSON or Python syntax, and return its text.

    If the last brace is missing before a tag, a fence, ``]`` or the end, it is added. Doubled
    braces are made single ones.

    Args:
        cursor: Where the object begins.
        names: What its ``name`` may be, if it is a call.
        strict: Whether only the keys of a call are allowed.

    Raises:
        NotACallError: No object begins here, or it cannot be a call.
        TornError: The object is malformed.
    """
    thing = _Object(cursor, names, strict=strict)
    if not (yield from cursor.literal("{")):
        raise NotACallError
    yield from cursor.space()
    if (yield from cursor.char()) == "{":
        thing.drop()
    text = yield from _members(thing)
    yield from cursor.any(("}",))
    return text


def _members(thing: _Object) -> Reading[str]:
    """Consume the rest of an object and return its text, with the brace that it may lack."""
    wanted = "first"
    while thing.open:
        yield from thing.cursor.space()
        char = yield from thing.cursor.char()
        if wanted == "more" and thing.at_top and char in _BEHIND:
            return thing.text + "}"
        wanted = yield from _STEPS[wanted](thing, char)
    return thing.text


def _first(thing: _Object, char: str) -> Reading[str]:
    """Read the first key or value, or the end of an empty object or list."""
    if char == thing.closing:
        return (yield from _close(thing))
    if char == thing.open[-1] == "{" and not thing.at_top:
        thing.open[-1] = _DOUBLED
        thing.drop()
        return "first"
    return (yield from (_value if thing.open[-1] == "[" else _name)(thing, char))


def _name(thing: _Object, char: str) -> Reading[str]:
    known = KEYS if thing.strict and thing.at_top else None
    key = yield from _string(thing.cursor, char, known)
    if thing.at_top:
        thing.key = key
    return "colon"


def _colon(thing: _Object, char: str) -> Reading[str]:
    if char != ":":
        raise TornError
    thing.cursor.step()
    yield from ()  # makes this a generator, like the other steps
    return "value"


def _value(thing: _Object, char: str) -> Reading[str]:
    if char in _CLOSES:
        thing.cursor.step()
        thing.open.append(char)
        if len(thing.open) > _MAX_NESTED:
            raise TornError
        return "first"
    if char in _INSIDE:
        is_name = thing.at_top and thing.key in NAMES
        yield from _string(thing.cursor, char, thing.names if is_name else None)
    elif not _VALUE.fullmatch((yield from thing.cursor.run(_WORD))):
        raise TornError
    return "more"


def _more(thing: _Object, char: str) -> Reading[str]:
    if char == ",":
        thing.cursor.step()
        return "value" if thing.open[-1] == "[" else "name"
    if char != thing.closing:
        raise TornError
    return (yield from _close(thing))


def _close(thing: _Object) -> Reading[str]:
    thing.cursor.step()
    if thing.open.pop() == _DOUBLED and (yield from thing.cursor.char()) == "}":
        thing.drop()
    return "more"


_STEPS = {"first": _first, "name": _name, "colon": _colon, "value": _value, "more": _more}


def _string(cursor: Cursor, quote: str, known: Collection[str] | None) -> Reading[str]:
    """Consume a string, one of `known` unless that is None, and return its contents."""
    if quote not in _INSIDE:
        raise TornError
    cursor.step()
    if known is None:
        text = yield from cursor.run(_INSIDE[quote])
    else:
        text = yield from cursor.within(known, quote)
    if not (yield from cursor.literal(quote)) or (known is not None and text not in known):
        raise TornError if known is None or cursor.ended else NotACallError
    return text
