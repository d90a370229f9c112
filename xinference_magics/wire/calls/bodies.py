"""Readers for the contents of a call: objects, a name before an object, tags.

Each is a generator that reads at a cursor and collects what it finds in a `Found`. The readers
for Python syntax are in `expressions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from xinference_magics.wire.calls.cursor import NotACallError
from xinference_magics.wire.calls.json_text import (
    ARGUMENTS,
    TornError,
    gathered,
    json_object,
    nested,
)
from xinference_magics.wire.calls.values import load, typed, types_of
from xinference_magics.wire.native_calls import TextCall, new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.wire.calls.candidate import Offered
    from xinference_magics.wire.calls.cursor import Cursor, Mark, Reading

_NAME = re.compile(r'["\'](?:tool_)?name["\']\s*:\s*["\']([^"\']*)["\']')
_ARGUMENTS = re.compile(r'["\'](?:arguments|parameters)["\']\s*:\s*(.*)', re.DOTALL)


@dataclass
class Found:
    """What has been found so far, starting at one opening.

    Args:
        cursor: The position in the text.
        offered: The tools that may be called.
        ends: What closes the whole group of calls.
        strict: Whether a call is recognized by its form alone.
        in_sentence: Whether the opening comes in the middle of a sentence.
    """

    cursor: Cursor
    offered: Offered
    ends: tuple[str, ...] = ()
    strict: bool = False
    in_sentence: bool = False
    opened: bool = False  # by the opening tag of the whole group
    only_named: bool = True  # whether no call has arguments, not even empty ones
    calls: list[TextCall] = field(default_factory=list)
    name: str | None = None  # of the call being read
    begun: Mark = (0, 0)  # where the contents of that call begin
    closed: bool = True  # whether the last call had its own end

    def begin(self, name: str | None = None) -> None:
        """Start a call at the cursor."""
        self.name, self.begun = name, self.cursor.mark()

    def add(self, call: TextCall | None, *, closed: bool = True, given: bool = True) -> None:
        """Add a call and start the next one.

        Args:
            call: The call, or None if it isn't one.
            closed: Whether it had its own end.
            given: Whether it has arguments, even if they are empty.

        Raises:
            NotACallError: The tool was not offered or, if strict, the arguments do not fit it.
        """
        if call is None or (self.strict and not self.offered.fits(call)):
            raise NotACallError
        self.calls.append(call)
        self.closed = closed
        self.only_named = self.only_named and not given
        self.begin()

    def torn(self, text: str) -> TextCall:
        """Return an invalid call made from `text`."""
        name, arguments = self.name, text.strip()
        if name is None and (named := _NAME.search(text)):
            given = _ARGUMENTS.search(text)
            name, arguments = named[1], given[1].rstrip() if given else ""
        return TextCall(name, arguments, complete=False, id=new_id())

    def give_up(self, *own_ends: str) -> Reading[None]:
        """Turn everything up to the next end into an invalid call, if it names a tool.

        Raises:
            NotACallError: It names no offered tool, has no end to look for, or is strict.
            GivenUpError: The invalid call was added.
        """
        ends = (*self.ends, *own_ends)
        if self.strict or not ends:
            raise NotACallError
        read = self.cursor.since(self.begun)
        text, end = min((read.partition(each)[:2] for each in ends), key=lambda cut: len(cut[0]))
        if end:
            self.cursor.back(self.begun, len(text) + len(end))
        else:
            more, end = yield from self.cursor.until(*ends)
            text = read + more
        call = self.torn(text)
        if call.name not in self.offered.schemas:
            raise NotACallError
        self.calls.append(call)
        self.begin()
        if end in own_ends:
            yield from self.cursor.any(self.ends)
        raise GivenUpError


class GivenUpError(Exception):
    """The last call is malformed; it was added as an invalid call."""


class Body(Protocol):
    """The contents between a format's tags."""

    def read(self, found: Found) -> Reading[None]:
        """Read the calls.

        Raises:
            NotACallError: It is text, not a call.
            GivenUpError: A call is malformed.
        """
        ...


@dataclass(frozen=True)
class Objects:
    """``{"name": "f", "arguments": {...}}``: one, several, or a list of them.

    Args:
        explicit: Whether an object without arguments is not a call.
    """

    explicit: bool = False

    def read(self, found: Found) -> Reading[None]:
        """Read the objects."""
        cursor = found.cursor
        listed = yield from cursor.any(("[",))
        yield from cursor.space()
        behind = cursor.mark()
        while (yield from cursor.char()) == "{":
            yield from self._object(found)
            behind = cursor.mark()
            yield from cursor.any((",", ";"))
            yield from cursor.space()
        if not found.calls:
            raise NotACallError
        cursor.back(behind)
        if listed and not (yield from cursor.any(("]",))) and (found.strict or not cursor.ended):
            yield from found.give_up()

    def _object(self, found: Found) -> Reading[None]:
        found.begin()
        try:
            names = found.offered.schemas
            text = yield from json_object(found.cursor, names, strict=found.strict)
            data = load(text)
        except (TornError, ValueError):
            yield from found.give_up()
        else:
            given = _gives_arguments(data)
            if not given and (found.strict or self.explicit):
                raise NotACallError
            found.add(found.offered.call(data), closed=not found.ends, given=given)


def _gives_arguments(data: Mapping[str, Any]) -> bool:
    inner = data.get("function")
    return not ARGUMENTS.isdisjoint(inner if isinstance(inner, dict) else data)


@dataclass(frozen=True)
class Named:
    """A name followed by its arguments as an object: ``<function=f>{...}</function>``.

    Args:
        begins: Templates for what precedes the object.
        ends: Templates for what may follow it.
    """

    begins: tuple[str, ...]
    ends: tuple[str, ...] = ()

    def read(self, found: Found) -> Reading[None]:
        """Read the calls."""
        before = found.cursor.mark()
        while (name := (yield from begin(found, self.begins))) is not None:
            yield from found.cursor.space()
            if (yield from found.cursor.char()) != "{":
                break
            found.begin(name)
            try:
                arguments = load((yield from json_object(found.cursor)))
            except (TornError, ValueError):
                yield from found.give_up(*self.ends)
            else:
                closed = not self.ends or (yield from found.cursor.any(self.ends))
                found.add(found.offered.named(name, arguments), closed=closed)
            before = found.cursor.mark()
        found.cursor.back(before)
        if not found.calls:
            raise NotACallError


def begin(found: Found, templates: tuple[str, ...]) -> Reading[str | None]:
    """Consume the first template that matches and return the name in it, or None."""
    start = found.cursor.mark()
    yield from found.cursor.space()
    for template in templates:
        fields = yield from found.cursor.template(template, found.offered.schemas)
        if fields:
            return fields["name"]
    found.cursor.back(start)
    return None


@dataclass(frozen=True)
class Tagged:
    """Each argument in tags: ``<function=f><parameter=a>1</parameter></function>``.

    Args:
        begins: Templates with a ``{name}`` for what precedes the arguments.
        ends: Templates for what follows the arguments.
        values: Pairs of what precedes and what follows a value. The former is a template with a
            ``{key}`` and optionally a ``{type}``: if that is ``string`` or ``true``, the value
            is a string, regardless of the tool's schema.
        nests: Whether values other than strings may consist of nested tags.
        mark: What may precede each of those tags.
        breaks: Whether a line break after the opening and before the closing tag of a value
            belongs to the tags.
    """

    begins: tuple[str, ...]
    ends: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    nests: bool = False
    mark: str = ""
    breaks: bool = False

    def read(self, found: Found) -> Reading[None]:
        """Read the calls."""
        while (name := (yield from begin(found, self.begins))) is not None:
            found.begin(name)
            yield from self._arguments(found, name)
        if not found.calls:
            raise NotACallError

    def _arguments(self, found: Found, name: str) -> Reading[None]:
        cursor, values = found.cursor, list[tuple[str, Any]]()
        try:
            while not (closed := (yield from cursor.any(self.ends))):
                given = yield from self._argument(found, name)
                if given is None:
                    break
                values.append(given)
        except ValueError:
            yield from found.give_up(*self.ends)
        ended = closed or (yield from self._may_end(found))
        if ended and not (closed or values) and not (yield from found.cursor.char()):
            raise NotACallError  # a text that ends with a name only mentions it
        if not ended:
            if not values and not (found.opened and self._is_marked):
                raise NotACallError
            yield from found.give_up(*self.ends)
        arguments = gathered(values) if self.nests else dict(values)
        found.add(found.offered.named(name, arguments), closed=closed, given=bool(values))

    @property
    def _is_marked(self) -> bool:
        """Whether a call starts with more than its name."""
        return not self.begins[0].startswith("{")

    def _may_end(self, found: Found) -> Reading[bool]:
        """Return whether only the end is missing, before that of the group or of the text."""
        before = found.cursor.mark()
        ends = (yield from found.cursor.any(found.ends)) or not (yield from found.cursor.char())
        found.cursor.back(before)
        return ends

    def _argument(self, found: Found, name: str) -> Reading[tuple[str, Any] | None]:
        """Read one argument; return None if there is none.

        Raises:
            ValueError: It is not closed, or has the wrong type.
        """
        yield from found.cursor.space()
        for before, behind in self.values:
            fields = yield from found.cursor.template(before)
            if fields is not None:
                return (yield from self._given(found, name, fields, behind))
        return None

    def _given(
        self, found: Found, name: str, fields: dict[str, str], behind: str
    ) -> Reading[tuple[str, Any]]:
        key, kind = fields["key"].strip(), fields.get("type")
        schema = {} if kind else found.offered.properties(name).get(key, {})
        nests = self.nests and "string" not in types_of(schema)
        end = behind.format(key=key)
        text, found_end = yield from found.cursor.until(end, *self._next_ones)
        if nests:
            text, found_end = yield from self._balanced(found.cursor, text, found_end, end)
        if found_end != end or not key:
            raise ValueError(text)
        if kind in {"string", "true"}:
            return key, self._inside(text)
        if nests:
            return key, nested(text.replace(self.mark, "") if self.mark else text, schema)
        return key, typed(self._inside(text), schema)

    def _inside(self, text: str) -> str:
        """Return a value without its CDATA wrapper or the line breaks that belong to its tags."""
        if text.startswith("<![CDATA[") and text.endswith("]]>"):
            return text[len("<![CDATA[") : -len("]]>")]
        return text.removeprefix("\n").removesuffix("\n") if self.breaks else text

    def _balanced(
        self, cursor: Cursor, text: str, found_end: str, end: str
    ) -> Reading[tuple[str, str]]:
        """Continue reading while `end` closes a nested tag of the same name in the value."""
        opening, parts = end.replace("</", "<"), [text]
        missing = text.count(opening)
        while missing and found_end == end:
            text, found_end = yield from cursor.until(end, *self._next_ones)
            parts += (end, text)
            missing += text.count(opening) - 1
        return "".join(parts), found_end

    @property
    def _next_ones(self) -> list[str]:
        """Starts of another argument or call on a new line, if this one was never closed."""
        templates = (*self.begins, *(before for before, _ in self.values))
        starts = (each.partition("{")[0] for each in templates)
        return [f"\n{each}" for each in starts if len(each.removeprefix(self.mark)) > 1]
