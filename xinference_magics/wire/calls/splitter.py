"""Pieces of text -> text and calls, in every format of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.candidate import Candidate
from xinference_magics.wire.calls.formats import FENCE
from xinference_magics.wire.calls.offered import Offered
from xinference_magics.wire.calls.openings import Openings
from xinference_magics.wire.reasoning import LONGEST_MARGIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xinference_magics.wire.native_calls import TextCall

CUT_OFF = frozenset({"length", "abort", "error", "content_filter"})
"""The finish reasons of incomplete answers."""

_AT_ONCE = 4_096  # characters of text searched at a time, and copied for each call


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

    def feed(self, piece: str) -> tuple[str, list[TextCall]]:
        """Split a piece, holding back what may be the start of a call."""
        texts: list[str] = []
        calls: list[TextCall] = []
        for start in range(0, len(piece), _AT_ONCE):
            self._held += piece[start : start + _AT_ONCE]
            self._split(texts, calls)
        return "".join(texts), calls

    def end(self, *, cut: bool = False) -> tuple[str, list[TextCall]]:
        """Return what is still held back.

        Args:
            cut: Whether the answer was cut off, so that an open call is incomplete; the end of a
                complete answer closes it.
        """
        texts: list[str] = []
        calls: list[TextCall] = []
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

    def drop_torn_tag(self) -> None:
        """Drop a partial tag that was held back, and the start of a code block around it.

        Called when the engine itself sends a call: its parser let some text through before it
        recognized the tag (vLLM's parsers do this).
        """
        held = "".join(self._candidate.text) if self._candidate else self._held
        tag = held.strip()
        if tag.startswith(FENCE):
            tag = tag.lstrip("`").partition("\n")[2].strip()
            self._fence_dropped = self._openings.begins_tag(tag) or not tag
        if self._fence_dropped or self._openings.begins_tag(tag):
            self._candidate, self._held = None, ""
            self._take([], [])

    def _split(self, texts: list[str], calls: list[TextCall]) -> None:
        while self._held:
            if self._candidate is None:
                passed, opening = self._openings.pass_over(self._held)
                texts.append(self._said(self._held[:passed]))
                self._held = self._held[passed:]
                if not opening:
                    return
                formats = self._openings.formats(opening)
                fenced = opening == FENCE
                self._candidate = Candidate(formats, self._offered, fenced=fenced)
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
        else:
            texts.append(self._said(text))
            self._openings.was_text(text)
        return True

    def _is_dropped(self, text: str) -> bool:
        """Return whether `text` closes a code block whose start was dropped."""
        closes = self._fence_dropped and text.strip() == FENCE
        self._fence_dropped = self._fence_dropped and not closes
        return closes

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
        said += (len(text) - said) // LONGEST_MARGIN * LONGEST_MARGIN
        self._gap = text[said:]
        return text[:said]
