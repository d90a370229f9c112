"""A text that is read while it arrives: what is read waits for more where it has to.

Readers are generators that wait by yielding. Wherever the text was cut, they read the same.
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
"""What reads a part of the text, and yields where it needs more of it."""

Mark = tuple[int, int]
Fields = dict[str, str]

_SPACE = re.compile(r"\s*")
_PARTS = re.compile(r"(\{\w+\}|\s+)")


class NotACallError(Exception):
    """What was read up to here is text, and no call."""


@cache
def _any_of(ends: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(ends, key=len, reverse=True))))


@cache
def _parts_of(template: str) -> list[str]:
    return [part for part in _PARTS.split(template) if part]


class Cursor:
    """A place in a text that arrives piece by piece."""

    def __init__(self) -> None:
        self.ended = False
        self._passed: list[str] = []
        self._rest = ""
        self._at = 0

    # What arrives

    def feed(self, piece: str) -> None:
        """Take more of the text."""
        self._passed.append(self._rest[: self._at])
        self._rest, self._at = self._rest[self._at :] + piece, 0

    @property
    def passed(self) -> str:
        """All that was read."""
        return self.since((0, 0))

    @property
    def ahead(self) -> str:
        """What has arrived and was not read."""
        return self._rest[self._at :]

    def mark(self) -> Mark:
        """Remember this place."""
        return len(self._passed), self._at

    def since(self, mark: Mark) -> str:
        """Return what was read since `mark`."""
        return ("".join(self._passed[mark[0] :]) + self._rest[: self._at])[mark[1] :]

    def back(self, mark: Mark, characters: int = 0) -> None:
        """Return to `characters` behind `mark`."""
        begin, self._rest = mark[1] + characters, "".join(self._passed[mark[0] :]) + self._rest
        del self._passed[mark[0] :]
        self._at = begin

    # What reads it

    def more(self) -> Reading[bool]:
        """Wait for more; False where the text is at its end."""
        if not self.ended:
            yield
        return not self.ended

    def char(self) -> Reading[str]:
        """Return the next character without passing it; nothing at the end."""
        if self._at == len(self._rest):
            yield from self.more()
        return self._rest[self._at : self._at + 1]

    def step(self) -> None:
        """Pass the character that `char` has returned."""
        self._at += 1

    def space(self) -> Reading[str]:
        """Pass white space, and return it."""
        return (yield from self.run(_SPACE))

    def run(self, pattern: re.Pattern[str]) -> Reading[str]:
        """Pass all that `pattern`, which also matches nothing, matches; return it."""
        start, more = self.mark(), True
        while more:
            found = pattern.match(self._rest, self._at)
            self._at = found.end() if found else self._at
            more = self._rest[self._at :] in {"", "\\"} and (yield from self.more())
        return self.since(start)

    def literal(self, wanted: str) -> Reading[bool]:
        """Pass `wanted` if it follows."""
        while not self._rest.startswith(wanted, self._at):
            begun = wanted.startswith(self._rest[self._at : self._at + len(wanted)])
            if not begun or not (yield from self.more()):
                return False
        self._at += len(wanted)
        return True

    def until(self, *ends: str) -> Reading[tuple[str, str]]:
        """Pass the next of `ends`; return what stood before it, and which it was.

        At the end of the text all the rest is passed, and the second is empty.
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
        """Pass the characters of one of `words`, up to one of `ends` or to what is in none."""
        word, char = "", (yield from self.char())
        while char and char not in ends and any(each.startswith(word + char) for each in words):
            word += char
            self.step()
            char = yield from self.char()
        return word

    def template(self, template: str, names: Collection[str] = ()) -> Reading[Fields | None]:
        """Pass what has the form of `template`, and return its fields; else None, passing nothing.

        Args:
            template: Literal text, where white space stands for any or none, ``{name}`` for one
                of `names`, and every other word in braces for a text of its own.
            names: What ``{name}`` may be.
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
        """Pass the first of `templates` that follows, behind white space; else pass nothing."""
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
