"""What was said in a sound, and when; as text, subtitles, a table or documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document

from xinference_magics.errors import BadRequestError
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from pandas import DataFrame

    from xinference_magics.wire.transcripts import Segment

_TIME = "opacity:0.75;white-space:nowrap;text-align:left;vertical-align:top"
_TEXT = "text-align:left;white-space:pre-wrap"


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """What a model heard in a sound.

    Attributes:
        text: All of it.
        segments: Its pieces with their times; empty if the model tells none.
        words: Each word with its times, if they were asked for.
        language: The language that was asked for; None if the model recognized it.
        source: The name of the file; empty if there was none.
        model: The UID of the model.
        seconds: How long the request took.
    """

    text: str
    segments: tuple[Segment, ...] = field(default=(), repr=False)
    words: tuple[Segment, ...] = field(default=(), repr=False)
    language: str | None = None
    source: str = ""
    model: str = ""
    seconds: float = 0.0

    @property
    def label(self) -> str:
        """Describe the transcript in a few words."""
        count = len(self.text.split())
        return f"{count} word{'' if count == 1 else 's'}"

    @property
    def timed(self) -> tuple[Segment, ...]:
        """The pieces that have times: the segments, or else the words.

        Raises:
            BadRequestError: The model told no times.
        """
        pieces = self.segments or self.words
        if not pieces and self.text:
            raise BadRequestError(f"{self.model} told no times: there is only the text.")
        return pieces

    def to_vtt(self) -> str:
        """Return the transcript as WebVTT, for ``<track>`` in HTML5.

        Raises:
            BadRequestError: The model told no times.
        """
        cues = [
            f"{_clock(each.start)} --> {_clock(each.end)}\n{_cue(each.text)}\n"
            for each in self.timed
        ]
        return "\n".join(["WEBVTT\n", *cues])

    def to_srt(self) -> str:
        """Return the transcript as SubRip subtitles.

        Raises:
            BadRequestError: The model told no times.
        """
        return "\n".join(
            f"{number}\n{_clock(each.start, ',')} --> {_clock(each.end, ',')}\n{_cue(each.text)}\n"
            for number, each in enumerate(self.timed, 1)
        )

    def to_pandas(self) -> DataFrame:
        """Return a row for each segment or word, with the columns start, end and text.

        Raises:
            BadRequestError: pandas is not installed, or the model told no times.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise BadRequestError(
                "A table needs pandas.", hint="Install the package pandas."
            ) from None
        rows = [(each.start, each.end, each.text) for each in self.timed]
        return DataFrame(rows, columns=["start", "end", "text"])

    def to_documents(self) -> list[Document]:
        """Return a document for each segment, or one if there are none, with times as metadata."""
        about = {"source": self.source} if self.source else {}
        if not self.segments:
            return [Document(self.text, metadata=about)]
        return [
            Document(each.text, metadata={**about, "start": each.start, "end": each.end})
            for each in self.segments
        ]

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show a table of times, or the text if there are none."""
        pieces = self.segments or self.words
        if not pieces:
            return {"text/plain": neutralise(self.text)}
        rows = "".join(
            f'<tr><td style="{_TIME}">{_clock(each.start)[3:-1]}</td>'
            f'<td style="{_TEXT}" dir="auto">{escape(each.text)}</td></tr>'
            for each in pieces
        )
        lines = [f"{_clock(each.start)[3:-1]}  {each.text}" for each in pieces]
        return {"text/html": f"<table>{rows}</table>", "text/plain": neutralise("\n".join(lines))}


def _clock(seconds: float, point: str = ".") -> str:
    """Write a time as subtitles do: ``00:00:03.440``."""
    milliseconds = round(max(seconds, 0) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _cue(text: str) -> str:
    """Return a text as one cue: an empty line or an arrow would end it."""
    return " ".join(text.split()).replace("-->", "->")
