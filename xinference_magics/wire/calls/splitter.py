"""A text's pieces -> text and calls, in every format of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.candidate import Candidate
from xinference_magics.wire.calls.formats import FENCE
from xinference_magics.wire.calls.offered import Offered
from xinference_magics.wire.calls.openings import Openings
from xinference_magics.wire.reasoning import LONGEST_MARGIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xinference_magics.wire.text_calls import TextCall

CUT_OFF = frozenset({"length", "abort", "error", "content_filter"})
"""The finish reasons of answers that are not whole."""

_AT_ONCE = 4_096  # characters of a text that are searched together, and copied for each call


class ToolCallSplitter:
    """Take a text's pieces as they come; return (text, calls) without what marks the calls.

    Text waits only while it may still become a call. White space between calls, and around them
    where nothing else stands, is dropped.

    Args:
        tools: What the model could call, as OpenAI's dicts. What calls another tool is text.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._offered = Offered(tools)
        self._openings = Openings(self._offered.schemas)
        self._candidate: Candidate | None = None
        self._held = ""
        self._gap = ""  # white space at the end of the text: a call may follow
        self._called = False
        self._fence_dropped = False

    def feed(self, piece: str) -> tuple[str, list[TextCall]]:
        """Take a piece; what may be the beginning of a call is held back."""
        texts: list[str] = []
        calls: list[TextCall] = []
        for start in range(0, len(piece), _AT_ONCE):
            self._held += piece[start : start + _AT_ONCE]
            self._split(texts, calls)
        return "".join(texts), calls

    def end(self, *, cut: bool = False) -> tuple[str, list[TextCall]]:
        """Return what was still held back.

        Args:
            cut: Whether the answer was cut off, so that a call that is still open is torn;
                the end of a whole answer closes it.
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
        """Drop the beginning of a tag, and of a block of code around it, that was held back.

        Called where the engine sends a call of its own: its parser has let through what stood
        before it knew the tag (vLLM's do).
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
        """Take what the candidate has found; return whether it is decided."""
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
        """Tell whether `text` closes a block of code whose beginning was dropped."""
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
        """Return what of the text is said now: white space waits for what follows."""
        text = self._gap + text
        said = len(text.rstrip())
        said += (len(text) - said) // LONGEST_MARGIN * LONGEST_MARGIN
        self._gap = text[said:]
        return text[:said]
