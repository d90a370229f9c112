"""Find the end of a JSON object in a text that arrives piece by piece."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xinference_magics.wire.calls.cursor import NotACallError

if TYPE_CHECKING:
    from collections.abc import Collection

    from xinference_magics.wire.calls.cursor import Cursor, Reading

_DEEPEST = 64
_INSIDE = {
    '"': re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL),
}
_WORD = re.compile(r"[\w.+-]*")
_VALUE = re.compile(r"true|false|null|True|False|None|-?\d[\w.+-]*")
_BEHIND = {"<", "`", "]", ""}  # what may follow the last brace
_CLOSES = {"{": "}", "[": "]"}

KEYS = ("name", "arguments", "parameters", "id", "type")
"""The only keys allowed in a call that is not marked as one."""


class TornError(Exception):
    """The object is malformed, or the text ended inside it."""


class _Object:
    """The state of an object while it is being read."""

    def __init__(self, cursor: Cursor, names: Collection[str] | None) -> None:
        self.cursor = cursor
        self.names = names  # None: any keys are allowed
        self.open = ["{"]
        self.key = ""

    @property
    def at_top(self) -> bool:
        return self.open == ["{"]


def json_object(cursor: Cursor, names: Collection[str] | None = None) -> Reading[str]:
    """Consume an object, in JSON or Python syntax, and return its text.

    If the last brace is missing before a tag, a fence, ``]`` or the end, it is added. Doubled
    outer braces are dropped.

    Args:
        cursor: Where the object begins.
        names: What its ``name`` may be. If given, only the keys of a call are allowed.

    Raises:
        NotACallError: No object begins here, or it cannot be a call.
        TornError: The object is malformed.
    """
    start = cursor.mark()
    if not (yield from cursor.literal("{")):
        raise NotACallError
    yield from cursor.space()
    if (yield from cursor.char()) == "{":
        start = cursor.mark()
        cursor.step()
    missing = yield from _members(_Object(cursor, names))
    text = cursor.since(start) + missing
    yield from cursor.any(("}",))
    return text


def _members(thing: _Object) -> Reading[str]:
    """Consume the rest of an object and return the brace that it lacks, if any."""
    wanted = "first"
    while thing.open:
        yield from thing.cursor.space()
        char = yield from thing.cursor.char()
        if wanted == "more" and thing.at_top and char in _BEHIND:
            return "}"
        wanted = yield from _STEPS[wanted](thing, char)
    return ""


def _first(thing: _Object, char: str) -> Reading[str]:
    """Read the first key or value, or the end of an empty object or list."""
    if char == _CLOSES[thing.open[-1]]:
        return _close(thing)
    return (yield from (_name if thing.open[-1] == "{" else _value)(thing, char))


def _name(thing: _Object, char: str) -> Reading[str]:
    known = KEYS if thing.names is not None and thing.at_top else None
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
        if len(thing.open) > _DEEPEST:
            raise TornError
        return "first"
    if char in _INSIDE:
        is_name = thing.at_top and thing.key == "name"
        yield from _string(thing.cursor, char, thing.names if is_name else None)
    elif not _VALUE.fullmatch((yield from thing.cursor.run(_WORD))):
        raise TornError
    return "more"


def _more(thing: _Object, char: str) -> Reading[str]:
    if char == ",":
        thing.cursor.step()
        return "name" if thing.open[-1] == "{" else "value"
    if char != _CLOSES[thing.open[-1]]:
        raise TornError
    yield from ()
    return _close(thing)


def _close(thing: _Object) -> str:
    thing.cursor.step()
    thing.open.pop()
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
