"""Read a text while it arrives, waiting for more when needed.

Readers are generators that wait by yielding. The way the text is split does not affect the result.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection

_T = TypeVar("_T")
Reading = Generator[None, None, _T]
"""A reader for part of the text, which yields when it needs more."""

Mark = tuple[int, int]
Fields = dict[str, str]

_SPACE = re.compile(r"\s*")
_PARTS = re.compile(r"(\{\w+\}|\s+)")


class NotACallError(Exception):
    """What was read so far is text, not a call."""


@cache
def _any_of(ends: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(ends, key=len, reverse=True))))


@cache
def _parts_of(template: str) -> list[str]:
    return [part for part in _PARTS.split(template) if part]


class Cursor:
    """A position in a text that arrives piece by piece."""

    def __init__(self) -> None:
        self.ended = False
        self._passed: list[str] = []
        self._rest = ""
        self._at = 0

    # Incoming text

    def feed(self, piece: str) -> None:
        """Add more text."""
        self._passed.append(self._rest[: self._at])
        self._rest, self._at = self._rest[self._at :] + piece, 0

    @property
    def passed(self) -> str:
        """Everything consumed so far."""
        return self.since((0, 0))

    @property
    def ahead(self) -> str:
        """The text that has arrived but is not consumed yet."""
        return self._rest[self._at :]

    def mark(self) -> Mark:
        """Return the current position."""
        return len(self._passed), self._at

    def since(self, mark: Mark) -> str:
        """Return the text consumed since `mark`."""
        return ("".join(self._passed[mark[0] :]) + self._rest[: self._at])[mark[1] :]

    def back(self, mark: Mark, characters: int = 0) -> None:
        """Move back to `characters` after `mark`."""
        begin, self._rest = mark[1] + characters, "".join(self._passed[mark[0] :]) + self._rest
        del self._passed[mark[0] :]
        self._at = begin

    # Readers

    def more(self) -> Reading[bool]:
        """Wait for more; return False if the text has ended."""
        if not self.ended:
            yield
        return not self.ended

    def char(self) -> Reading[str]:
        """Return the next character without consuming it, or an empty string at the end."""
        if self._at == len(self._rest):
            yield from self.more()
        return self._rest[self._at : self._at + 1]

    def step(self) -> None:
        """Consume the character that `char` returned."""
        self._at += 1

    def space(self) -> Reading[str]:
        """Consume whitespace and return it."""
        return (yield from self.run(_SPACE))

    def run(self, pattern: re.Pattern[str]) -> Reading[str]:
        """Consume and return what `pattern` matches; it must also match the empty string."""
        start, more = self.mark(), True
        while more:
            found = pattern.match(self._rest, self._at)
            self._at = found.end() if found else self._at
            more = self._rest[self._at :] in {"", "\\"} and (yield from self.more())
        return self.since(start)

    def literal(self, wanted: str) -> Reading[bool]:
        """Consume `wanted` and return True if it comes next."""
        while not self._rest.startswith(wanted, self._at):
            begun = wanted.startswith(self._rest[self._at : self._at + len(wanted)])
            if not begun or not (yield from self.more()):
                return False
        self._at += len(wanted)
        return True

    def until(self, *ends: str) -> Reading[tuple[str, str]]:
        """Consume the next of `ends`; return the text before it, and which one it was.

        If there is none, consume the rest of the text and return an empty second item.
        """
        pattern, longest, start = _any_of(ends), max(map(len, ends)), self.mark()
        while not (found := pattern.search(self._rest, self._at)):
            self._at = max(self._at, len(self._rest) - longest + 1)
            if not (yield from self.more()):
                self._at = len(self._rest)
                return self.since(start), ""
        self._at = found.start()
        before = self.since(start)
        self._at = found.end()
        return before, found[0]

    def within(self, words: Collection[str], ends: str) -> Reading[str]:
        """Consume and return the longest prefix of any of `words`, stopping at one of `ends`."""
        word, char = "", (yield from self.char())
        while char and char not in ends and any(each.startswith(word + char) for each in words):
            word += char
            self.step()
            char = yield from self.char()
        return word

    def template(self, template: str, names: Collection[str] = ()) -> Reading[Fields | None]:
        """Consume what matches `template` and return its fields; else consume nothing.

        Args:
            template: Literal text, in which whitespace matches any or none, ``{name}`` matches
                one of `names`, and any other word in braces matches arbitrary text.
            names: What ``{name}`` may be.

        Returns:
            The fields, or None if the text does not match.
        """
        start, fields = self.mark(), Fields()
        parts = _parts_of(template)
        for part, after in zip(parts, [*parts[1:], ""], strict=True):
            if part.isspace():
                yield from self.space()
            elif part.startswith("{") and part.endswith("}"):
                stop = after.strip()[:1]
                found = yield from self._field(part[1:-1], stop, names)
                fields[part[1:-1]] = found
                if not found:
                    self.back(start)
                    return None
            elif not (yield from self.literal(part)):
                self.back(start)
                return None
        return fields

    def _field(self, name: str, stop: str, names: Collection[str]) -> Reading[str]:
        if name == "name":
            found = yield from self.within(names, "")
            return found if found in names else ""
        return (yield from self.run(_field_up_to(stop)))

    def any(self, templates: Collection[str]) -> Reading[bool]:
        """Consume whitespace and the first matching template; return whether there was one."""
        start = self.mark()
        yield from self.space()
        for template in templates:
            if (yield from self.template(template)) is not None:
                return True
        self.back(start)
        return False


@cache
def _field_up_to(stop: str) -> re.Pattern[str]:
    return re.compile(rf"[^\s<>{{}}{re.escape(stop)}]*")
