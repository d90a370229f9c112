"""Text that starts like a call, read by every format with that start until one finds a call.

Only a call of an offered tool, with arguments that fit it, counts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.bodies import Found, GivenUpError
from xinference_magics.wire.calls.cursor import Cursor, NotACallError
from xinference_magics.wire.calls.format import FENCE, TILDES
from xinference_magics.wire.calls.json_text import ARGUMENTS, NAMES
from xinference_magics.wire.calls.values import types_of
from xinference_magics.wire.native_calls import TextCall, as_json, is_object, new_id, unwrapped
from xinference_magics.wire.shapes import whole_characters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from xinference_magics.wire.calls.cursor import Reading
    from xinference_magics.wire.calls.format import Format


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
        name = next((data[each] for each in NAMES if each in data), None)
        if not isinstance(name, str) or name not in self.schemas:
            return None
        arguments: Any = next((data[each] for each in ARGUMENTS if data.get(each)), {})
        if "description" in data or self._is_schema(arguments, name):
            return None  # it is the definition of the tool
        return self.named(name, arguments)

    def _is_schema(self, arguments: Any, name: str) -> bool:
        return (
            isinstance(arguments, dict)
            and arguments.get("type") == "object"
            and isinstance(arguments.get("properties"), dict)
            and "properties" not in self.properties(name)
        )

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


_BLANKS = re.compile(r"[ \t\r]*")
_FENCE = re.compile(r"`+|~*")
_ENDS_OF_WORDS = " \t\r\n"


@dataclass(frozen=True)
class Place:
    """Where a possible call begins.

    Args:
        fenced: Whether it begins with a fence.
        in_sentence: Whether it begins in the middle of a sentence.
        tags: What another call may begin with anywhere.
        openings: What another call may begin with in a line of its own.
    """

    fenced: bool
    in_sentence: bool
    tags: Collection[str]
    openings: Collection[str]


class Candidate:
    """A possible call in one of `formats`.

    The first format that reads a call wins, once all formats before it have failed.

    Args:
        formats: The formats that may begin so.
        offered: The tools that may be called.
        place: Where it begins.
    """

    def __init__(self, formats: Sequence[Format], offered: Offered, place: Place) -> None:
        read = _fenced if place.fenced else partial(_alone, place=place)
        self._readers = [
            _Reader(form, Found(Cursor(), offered, form.ends, form.block, place.in_sentence), read)
            for form in formats
        ]
        self._text: list[str] = []

    def feed(self, piece: str) -> None:
        """Add more text."""
        self._text.append(piece)
        for each in self._readers:
            each.feed(piece)

    def end(self) -> None:
        """Read to the end, because the answer is complete."""
        for each in self._readers:
            each.end()

    @property
    def calls(self) -> list[TextCall] | None:
        """The calls found: empty if everything is text, None if that is not known yet."""
        first = next((each for each in self._readers if not each.failed), None)
        if first is None:
            return []
        return first.found.calls if first.done else None

    @property
    def cut_calls(self) -> list[TextCall]:
        """The calls found so far, for an answer that was cut off."""
        return next(filter(None, (each.cut_calls for each in self._readers)), [])

    @property
    def text(self) -> tuple[str, str]:
        """What was read, and what follows it."""
        done = next((each for each in self._readers if not each.failed and each.done), None)
        text = "".join(self._text)
        size = done.size if done else max((1, *(each.size for each in self._readers)))
        return text[:size], text[size:]


def _alone(form: Format, found: Found, place: Place) -> Reading[None]:
    """Read calls in plain text, outside a code block."""
    yield from _once(form, found)
    if form.block:
        yield from _end_of_block(found.cursor, place.openings)
    elif found.only_named and "\n" not in found.cursor.passed:
        if place.in_sentence:
            raise NotACallError
        yield from _end_of_line(found.cursor, place.tags)


def _once(form: Format, found: Found) -> Reading[None]:
    cursor = found.cursor
    for opening in form.opens:
        found.opened = yield from cursor.literal(opening)
        if found.opened:
            break
    if form.opens and not found.opened:
        raise NotACallError
    found.begin()
    within = found.opened and (yield from cursor.any((f"{FENCE}json", FENCE)))
    before = len(found.calls)
    found.begin()
    yield from form.body.read(found)
    if len(found.calls) == before:
        raise NotACallError
    if within:
        yield from cursor.any((FENCE,))
    if (yield from cursor.any(form.ends)):
        found.closed = True
        found.begin()
    if found.only_named and not found.closed:
        del found.calls[before:]
        raise NotACallError  # its tag is only mentioned


def _fenced(form: Format, found: Found) -> Reading[None]:
    """Read calls in a code block, including its fences."""
    cursor = found.cursor
    fence = FENCE if (yield from cursor.char()) == FENCE[0] else TILDES
    yield from cursor.run(_FENCE)
    if (yield from cursor.within(form.languages, _ENDS_OF_WORDS)) not in form.languages:
        raise NotACallError
    if (yield from cursor.char()) not in _ENDS_OF_WORDS:
        raise NotACallError
    yield from cursor.space()
    while not (found.calls and (yield from cursor.any((fence,)))):
        if not (yield from _more(form, found, fence)):
            return
    yield from _end_of_line(cursor)


def _more(form: Format, found: Found, fence: str) -> Reading[bool]:
    """Read the next call in a code block; return False if it isn't a call or nothing follows."""
    before = found.cursor.mark()
    try:
        yield from _once(form, found)
    except NotACallError:
        if form.block or not found.calls:
            raise
        found.cursor.back(before)
        return False
    except GivenUpError:
        yield from found.cursor.any((fence,))
        raise
    yield from found.cursor.space()
    return bool((yield from found.cursor.char()))


def _end_of_block(cursor: Cursor, openings: Collection[str]) -> Reading[None]:
    """Check that the line ends here, and that no text follows in the next one."""
    before = cursor.mark()
    yield from _end_of_line(cursor)
    yield from cursor.run(_BLANKS)
    if (yield from cursor.char()):
        cursor.step()
        yield from _end_of_line(cursor, openings)
    cursor.back(before)


def _end_of_line(cursor: Cursor, openings: Collection[str] = ()) -> Reading[None]:
    """Check that nothing else follows in this line, or one of `openings`."""
    before = cursor.mark()
    yield from cursor.run(_BLANKS)
    char = yield from cursor.char()
    if char not in {"\n", ""} and not (yield from cursor.any(openings)):
        raise NotACallError
    cursor.back(before)


class _Reader:
    """A running reader for one format."""

    def __init__(
        self, form: Format, found: Found, read: Callable[[Format, Found], Reading[None]]
    ) -> None:
        self.found = found
        self._reading = read(form, found)
        self.done = self.failed = False

    @property
    def size(self) -> int:
        """The number of characters read."""
        return len(self.found.cursor.passed)

    def feed(self, piece: str) -> None:
        """Add more text."""
        if not self.failed:
            self.found.cursor.feed(piece)
            self._go_on()

    def end(self) -> None:
        """Read to the end."""
        self.found.cursor.ended = True
        self._go_on()

    def _go_on(self) -> None:
        if self.done or self.failed:
            return
        try:
            next(self._reading)
        except (StopIteration, GivenUpError):
            self.done = True
        except NotACallError:
            self.failed = True

    @property
    def cut_calls(self) -> list[TextCall]:
        """The calls found so far, for an answer that was cut off; the last may be invalid."""
        found = self.found
        if self.failed or self.done:
            return [] if self.failed else found.calls
        begun = found.cursor.since(found.begun) + found.cursor.ahead
        if found.calls and not (found.closed and begun.strip(" \r\n,;")):
            *whole, last = found.calls
            return [*whole, last if found.closed else replace(last, complete=False)]
        torn = found.torn(begun)
        if found.in_sentence and found.only_named and not torn.arguments:
            return []
        named = torn.name in found.offered.schemas
        sure = found.opened and not found.strict and torn.name is None
        return [*found.calls, torn] if named or sure else found.calls
