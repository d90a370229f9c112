"""Find calls in a text that arrives piece by piece, and separate them from the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.candidate import Candidate, Offered
from xinference_magics.wire.calls.format import FENCES, MAX_MARGIN_CHARS
from xinference_magics.wire.calls.openings import MIN_TORN_CHARS, Openings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xinference_magics.wire.native_calls import TextCall


CUT_OFF = frozenset({"length", "abort", "error", "content_filter"})
"""The finish reasons of incomplete answers."""

_SEARCHED_CHARS = 4_096  # characters of text searched at a time, and copied for each call


class ToolCallSplitter:
    """Split pieces of text into (text, calls), without the markup of the calls.

    Text is held back only while it may still become a call. Whitespace between calls is dropped,
    and so is whitespace around them if nothing else is there.

    Args:
        tools: The tools that the model may call, as OpenAI dicts. A call to any other is text.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._offered = Offered(tools)
        self._openings = Openings(self._offered.schemas)
        self._candidate: Candidate | None = None
        self._held = ""
        self._gap = ""  # whitespace at the end of the text, after which a call may follow
        self._called = False
        self._fence_dropped = False
        self._engine_called = False
        self._ended = False
        self.lost = False  # whether the engine lost a call at the end; see `end`

    def is_torn(self, text: str) -> bool:
        """Return whether `text` is nothing but the beginnings of tags."""
        return self._openings.is_torn(text)

    def feed(self, piece: str) -> tuple[str, list[TextCall]]:
        """Split a piece, holding back what may be the start of a call."""
        texts: list[str] = []
        calls: list[TextCall] = []
        for start in range(0, len(piece), _SEARCHED_CHARS):
            self._held += piece[start : start + _SEARCHED_CHARS]
            self._split(texts, calls)
        return "".join(texts), calls

    def end(self, *, cut: bool = False, lossy: bool = False) -> tuple[str, list[TextCall]]:
        """Return what is still held back.

        Args:
            cut: Whether the answer was cut off, so that an open call is incomplete; the end of a
                complete answer closes it.
            lossy: Whether the engine may have lost a call. If the answer ends in a line with
                nothing but a part of a tag, it has, and that part is dropped.
        """
        texts: list[str] = []
        calls: list[TextCall] = []
        self._ended = True
        if self._engine_called:
            self._drop_torn_tags()
        elif lossy and not cut and self._openings.begins_line:
            self.lost = self._drop_torn_tags(MIN_TORN_CHARS)
        while self._candidate:
            if cut:
                self._cut(self._candidate, texts, calls)
            else:
                self._candidate.end()
                self._settle(self._candidate, texts, calls)
                self._split(texts, calls)
        texts.append(self._said(self._held))
        self._held = ""
        return "".join(texts) + ("" if self._called else self._gap), calls

    def engine_called(self) -> None:
        """Drop partial tags that were held back, and the start of a code block around them.

        Called when the engine itself sends a call: its parser let some text through before it
        recognized the tag (vLLM's parsers do this), and may again at the end of the answer.
        """
        self._engine_called = True
        self._drop_torn_tags()

    def _drop_torn_tags(self, least: int = 0) -> bool:
        held = "".join(self._candidate.text) if self._candidate else self._held
        is_fence, tags = _in_fence(held)
        if len(tags) < least or not (self.is_torn(tags) or (is_fence and not tags)):
            return False
        self._fence_dropped = self._fence_dropped or is_fence
        self._candidate, self._held = None, ""
        self._take([], [])
        return True

    def _split(self, texts: list[str], calls: list[TextCall]) -> None:
        while self._held:
            if self._candidate is None:
                passed, opening = self._openings.pass_over(self._held)
                texts.append(self._said(self._held[:passed]))
                self._held = self._held[passed:]
                if not opening:
                    return
                formats, place = self._openings.formats(opening), self._openings.place(opening)
                self._candidate = Candidate(formats, self._offered, place)
            held, self._held = self._held, ""
            self._candidate.feed(held)
            if not self._settle(self._candidate, texts, calls):
                return

    def _settle(self, candidate: Candidate, texts: list[str], calls: list[TextCall]) -> bool:
        """Accept what the candidate found; return whether it has decided."""
        found = candidate.calls
        if found is None:
            return False
        text, self._held = candidate.text
        self._candidate = None
        if found or self._is_dropped(text):
            self._take(found, calls)
        elif not self._ended and self._may_be_dropped(text + self._held):
            self._held = text + self._held
            return False
        else:
            texts.append(self._said(text))
            self._openings.was_text(text)
        return True

    def _is_dropped(self, text: str) -> bool:
        """Return whether `text` closes a code block whose start was dropped."""
        closes = self._fence_dropped and text.strip() in FENCES
        self._fence_dropped = self._fence_dropped and not closes
        return closes

    def _may_be_dropped(self, text: str) -> bool:
        """Return whether `text` begins a code block with nothing but torn tags so far."""
        is_fence, tags = _in_fence(text)
        return is_fence and self.is_torn(tags)

    def _cut(self, candidate: Candidate, texts: list[str], calls: list[TextCall]) -> None:
        found, self._candidate = candidate.cut_calls, None
        if found:
            self._take(found, calls)
        else:
            texts.append(self._said("".join(candidate.text)))

    def _take(self, found: list[TextCall], calls: list[TextCall]) -> None:
        calls += found
        self._openings.was_call()
        self._gap, self._called = "", True

    def _said(self, text: str) -> str:
        """Return the text to pass on now, holding back trailing whitespace."""
        text = self._gap + text
        said = len(text.rstrip())
        said += (len(text) - said) // MAX_MARGIN_CHARS * MAX_MARGIN_CHARS
        self._gap = text[said:]
        return text[:said]


def _in_fence(text: str) -> tuple[bool, str]:
    """Return whether `text` begins with a fence, and what follows the fence's line if so."""
    stripped = text.strip()
    if not stripped.startswith(FENCES):
        return False, stripped
    return True, stripped.lstrip("`~").partition("\n")[2].strip()
