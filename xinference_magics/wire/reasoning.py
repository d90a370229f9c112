"""Thoughts and answer, told apart wherever an engine puts them.

They arrive as `reasoning_content` beside `content`, or as ``<think>…</think>`` at the
beginning of the text; where the prompt already ends in ``<think>``, only the closing tag
comes. Engines keep the newlines around both parts, which belong to the tags.
"""

from __future__ import annotations

from enum import Enum, auto

_OPEN = "<think>"
_CLOSE = "</think>"

LONGEST_MARGIN = 4_000
"""Characters of white space that are held back, as a tag may follow; more are passed on."""


def overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of `tag`."""
    longest = min(len(tag) - 1, len(text))
    return next((size for size in range(longest, 0, -1) if tag.startswith(text[-size:])), 0)


class _Place(Enum):
    BEFORE = auto()  # nothing but white space so far: a tag may follow
    THOUGHT = auto()
    AFTER = auto()  # behind a thought, before the answer's first character
    ANSWER = auto()


class ReasoningSplitter:
    """Take an answer's pieces as they come, and return (thought, answer) for each.

    Args:
        prefilled: Whether the prompt ended in ``<think>``, so that a thought comes first.
    """

    def __init__(self, *, prefilled: bool = False) -> None:
        self._place = _Place.THOUGHT if prefilled else _Place.BEFORE
        self._held = ""
        self._thought_gap: str | None = None  # None: before the thought's first character

    @property
    def settled(self) -> bool:
        """Whether all that follows is answer, to be passed on as it is."""
        return self._place is _Place.ANSWER

    def thought(self, piece: str) -> str:
        """Take a piece that the engine itself calls reasoning."""
        if self._place is not _Place.AFTER:
            self._place, self._held = _Place.AFTER, ""
        return self._without_margins(piece)

    def text(self, piece: str) -> tuple[str, str]:
        """Take a piece of text; return what of it (and of what was held back) is what."""
        if self._place is _Place.ANSWER:
            return "", piece
        self._held += piece
        thought = ""
        if self._place is _Place.BEFORE:
            self._look_for_opening()
        if self._place is _Place.THOUGHT:
            thought = self._up_to_closing()
        return thought, self._answer()

    def end(self) -> tuple[str, str]:
        """Return what was still held back."""
        held, self._held = self._held, ""
        if self._place is _Place.THOUGHT:
            return self._without_margins(held), ""
        return "", held if self._place is _Place.BEFORE else held.lstrip()

    def _look_for_opening(self) -> None:
        start = self._held.lstrip()
        if start.startswith(_OPEN):
            self._place, self._held = _Place.THOUGHT, start[len(_OPEN) :]
        elif not _OPEN.startswith(start) or len(self._held) > LONGEST_MARGIN:
            self._place = _Place.ANSWER

    def _up_to_closing(self) -> str:
        thought, closing, rest = self._held.partition(_CLOSE)
        if closing:
            self._place, self._held = _Place.AFTER, rest
        else:
            keep = overlap(thought, _CLOSE)
            self._held = thought[len(thought) - keep :]
            thought = thought[: len(thought) - keep]
        return self._without_margins(thought)

    def _answer(self) -> str:
        if self._place is _Place.AFTER:
            self._held = self._held.lstrip()
            if self._held:
                self._place = _Place.ANSWER
        if self._place is not _Place.ANSWER:
            return ""
        held, self._held = self._held, ""
        return held

    def _without_margins(self, piece: str) -> str:
        """Drop white space before the thought, and hold it back where the thought may end."""
        whole = piece.lstrip() if self._thought_gap is None else self._thought_gap + piece
        body = whole.rstrip()
        if len(whole) - len(body) > LONGEST_MARGIN:
            body = whole
        if body or self._thought_gap is not None:
            self._thought_gap = whole[len(body) :]
        return body
