"""Find where a call may begin in a text that arrives piece by piece."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Self

from xinference_magics.wire.calls.candidate import Place
from xinference_magics.wire.calls.format import FENCE, FENCES, NAME
from xinference_magics.wire.calls.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from xinference_magics.wire.calls.format import Format


_BLANKS = re.compile(r"[ \t\r]*")
_CLOSING = re.compile(r"(?:`+|~+)[ \t\r]*(\n|\Z)")
_DATA = ("{", "[")
_CONTINUED = frozenset("[({>='\"")  # at the end of the line above, data goes on from there
_CODE_INDENT = 4
_BLANK = frozenset(" \t")
_CONTINUES_SENTENCE = frozenset(",;(")
_QUOTES = frozenset("\"'`")  # right after one of these, a tag is only a mention
_SPANS = {"`": "`", "“": "”", "„": "“”"}  # and so it is between these, on one line
_SPAN_MARKS = frozenset("`“”„")
_WITHIN_SPAN = re.compile("[`“”„]")
_MAX_TORN_CHARS = 200  # characters of torn tags to hold back, one after another
MIN_TORN_CHARS = 4
"""Characters of a tag that is certainly torn, even if no call of the engine follows."""


@dataclass(frozen=True)
class _Starts:
    """What the formats begin with, for a set of offered tools."""

    by_form: dict[Format, Collection[str]]
    of_lines: frozenset[str]
    anywhere: frozenset[str]

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, names: tuple[str, ...]) -> Self:
        """Collect the starts for the tools `names`."""
        starts = {form: _starts(form, names) for form in FORMATS}
        of_lines = (start for form in FORMATS if form.block for start in starts[form])
        anywhere = (start for form in FORMATS if not form.block for start in starts[form])
        return cls(starts, frozenset({*of_lines, *FENCES}), frozenset(anywhere))

    @cached_property
    def line(self) -> re.Pattern[str]:
        """Matches a start that must be at the beginning of a line."""
        return _one_of(self.of_lines)

    @cached_property
    def next(self) -> re.Pattern[str]:
        """Matches what to look for within a line: a tag, a quote, or the line's end."""
        return _one_of({"\n", *_SPAN_MARKS, *self.anywhere})

    @cached_property
    def first(self) -> re.Pattern[str]:
        """Matches the first character of a tag."""
        return _one_of({tag[0] for tag in self.anywhere})

    @cached_property
    def all(self) -> frozenset[str]:
        """All starts."""
        return self.of_lines | self.anywhere

    @cached_property
    def longest(self) -> int:
        """The length of the longest start."""
        return max(map(len, self.all))

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """All proper prefixes of tags."""
        return frozenset(tag[:size] for tag in self.anywhere for size in range(1, len(tag)))


class Openings:
    """Find what may begin a call, keeping track of lines and code blocks.

    Args:
        names: The names of the tools that may be called.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._starts = _Starts.of(tuple(names))
        self._blank = True  # whether the line is blank so far
        self._before = ""
        self._word = ""  # the last character that is not a blank
        self._span = ""  # what ends the quotation or inline code that is open
        self._fence = ""
        self._in_info = False  # after a fence, on the same line
        self._above = ""  # the last character of the line above
        self._indent = 0  # of this line
        self._bare = True  # whether nothing but the indentation was passed in this line
        self._after_data = False  # in lines that began like data but were not a call
        self._in_sentence = False  # whether the last opening came in the middle of a sentence

    def formats(self, opening: str) -> list[Format]:
        """Return the formats that may begin with `opening`, in the order of the table."""
        if opening in FENCES:
            return [form for form in FORMATS if form.languages]
        return [
            form
            for form, starts in self._starts.by_form.items()
            if any(each.startswith(opening) for each in starts)
        ]

    def place(self, opening: str) -> Place:
        """Describe where the last opening is."""
        starts = self._starts
        return Place(opening in FENCES, self._in_sentence, starts.anywhere, starts.all)

    @property
    def begins_line(self) -> bool:
        """Whether what comes next begins a line."""
        return self._bare

    def is_torn(self, text: str) -> bool:
        """Return whether `text` is nothing but the beginnings of tags.

        At least two characters are, and of each beginning that another follows, at least four.
        """
        size, known = len(text), self._starts.beginnings
        if not 1 < size <= _MAX_TORN_CHARS or not (text in known or text[:MIN_TORN_CHARS] in known):
            return False
        ends = {0}  # of beginnings, each of which begins at the end of another
        for begin in range(size):
            if begin in ends:
                longest = min(size, begin + self._starts.longest)
                sure = range(begin + MIN_TORN_CHARS, longest + 1)
                ends |= {end for end in {*sure, size} if text[begin:end] in known}
        return size in ends

    def pass_over(self, text: str) -> tuple[int, str]:
        """Return how many characters are certainly text, and the opening after them, if any."""
        at, opening = 0, None
        while at < len(text) and opening is None:
            at, opening = (self._line if self._blank else self._rest)(text, at)
        if at:
            self._before = text[at - 1]
            self._word = text[:at].rstrip(" \t\r")[-1:] or self._word
        return at, opening or ""

    def was_text(self, text: str) -> None:
        """Record that `text` began like a call but was not one."""
        line = text.rpartition("\n")[2]
        self._blank = "\n" in text and not line.strip()
        self._bare, self._indent = self._blank, 0
        self._above = text.rstrip()[-1:] if self._blank else self._above
        self._before = text[-1]
        self._word = text.rstrip(" \t\r")[-1:] or self._word
        self._span = "" if "\n" in text else self._span
        for mark in _WITHIN_SPAN.findall(line):
            self._note(mark)
        self._after_data = self._after_data or text.startswith(_DATA)
        if text.startswith(FENCES):
            self._fence = text[: len(FENCE)]
            self._in_info = self._fence == FENCE and "\n" not in text

    def was_call(self) -> None:
        """Record that a call ended here."""
        self._blank, self._before, self._word, self._after_data = False, "", "", False
        self._bare = True

    def _line(self, text: str, at: int) -> tuple[int, str | None]:
        """Look for an opening at the beginning of a line.

        Returns:
            Where to continue, and the opening there: empty if more text is needed to decide, None
            if there is none.
        """
        start, at = at, _end(_BLANKS, text, at)
        self._indent += len(text[start:at].expandtabs(_CODE_INDENT))
        if at == len(text):
            return at, ""
        opening = self._fence_end(text, at) if self._fence else self._line_opening(text, at)
        self._blank = opening is not None
        return at, opening

    def _line_opening(self, text: str, at: int) -> str | None:
        if text[at] == "\n":
            self._after_data = False
        found = self._starts.line.match(text, at)
        self._in_sentence = False
        if found is None:
            begun = text[at : at + self._starts.longest]
            return "" if any(each.startswith(begun) for each in self._starts.of_lines) else None
        is_data = self._is_data(found[0])
        self._after_data = self._after_data or is_data
        return None if is_data else found[0]

    def _is_data(self, opening: str) -> bool:
        continues = self._after_data or self._above in _CONTINUED
        return opening in _DATA and (continues or self._indent >= _CODE_INDENT)

    def _fence_end(self, text: str, at: int) -> str | None:
        if not text.startswith(self._fence, at):
            return "" if self._fence.startswith(text[at : at + len(FENCE)]) else None
        closing = _CLOSING.match(text, at)
        if closing and not closing[1]:
            return ""  # the line may continue
        if closing:
            self._fence = ""
        return None

    def _rest(self, text: str, at: int) -> tuple[int, str | None]:
        """Look for an opening in the rest of a line; return the same as `_line`."""
        if self._fence:
            return self._code(text, at)
        found = self._starts.next.search(text, at)
        if found is None:
            end = len(text) - self._kept(text, at)
            self._bare = self._bare and end == at
            return end, ""
        if found[0] == "\n":
            line = text[at : found.start()].rstrip()
            self._above = line[-1:] or ("" if self._bare else self._word)
            self._blank, self._bare, self._indent, self._span = True, True, 0, ""
            return found.end(), None
        begins_line = self._bare and found.start() == at
        self._bare = False
        if found[0] in _SPAN_MARKS:
            self._note(found[0])
            return found.end(), None
        before = text[found.start() - 1] if found.start() else self._before
        word = text[: found.start()].rstrip(" \t\r")[-1:] or self._word
        goes_on = before in _BLANK and (word.isalnum() or word in _CONTINUES_SENTENCE)
        self._in_sentence = not begins_line and goes_on
        mentioned = self._span or before in _QUOTES
        return (found.start() + 1, None) if mentioned else (found.start(), found[0])

    def _note(self, mark: str) -> None:
        """Record that a mark of quotations or inline code was passed."""
        if not self._span:
            self._span = _SPANS.get(mark, "")
        elif mark in self._span:
            self._span = ""

    def _code(self, text: str, at: int) -> tuple[int, str | None]:
        end = text.find("\n", at)
        stop = len(text) if end < 0 else end
        tick = text.find("`", at, stop) if self._in_info else -1
        if tick >= 0:
            self._fence = ""  # it was inline code
            self._note("`")
            return tick + 1, None
        if end < 0:
            return stop, ""
        self._blank, self._in_info, self._span = True, False, ""
        return end + 1, None

    def _kept(self, text: str, at: int) -> int:
        """Return how many characters at the end may be the start of an opening."""
        begin = max(at, len(text) - _MAX_TORN_CHARS)
        for found in self._starts.first.finditer(text, begin):
            rest = text[found.start() :]
            if rest in self._starts.beginnings or self.is_torn(rest):
                return len(rest)
        return 0


def _starts(form: Format, names: Collection[str]) -> Collection[str]:
    return names if form.starts == (NAME,) else form.opens or form.starts


def _one_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
