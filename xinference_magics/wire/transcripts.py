"""What a speech model is asked to write down -> requests, and its responses -> timed text.

Xinference refuses the formats text, SRT and WebVTT, tells as the language what it was asked for
and as the duration when the last segment ends (measured with 4.1). So the times are always asked
for, and everything else is made from them here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.shapes import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.wire.uploads import Upload


@dataclass(frozen=True)
class Segment:
    """A piece of a transcript.

    Attributes:
        start: When it begins, in seconds.
        end: When it ends, in seconds.
        text: What is said.
    """

    start: float
    end: float
    text: str


@dataclass(frozen=True, kw_only=True)
class TranscriptionRequest:
    """What a speech model is asked.

    Attributes:
        model_uid: The model.
        audio: The sound file; the server reads every format that its ffmpeg does.
        language: The language that is spoken, as a code or in English; None to recognize it.
        words: Whether each word gets its times, instead of each segment.
        options: Other parameters of the model.
    """

    model_uid: str
    audio: Upload
    language: str | None = None
    words: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def body(self, *, timed: bool = True) -> dict[str, Any]:
        """Return the body, asking for times unless the model has none."""
        detail = "word" if self.words else "segment"
        given = {
            "model": self.model_uid,
            "file": self.audio,
            "language": self.language,
            "response_format": "verbose_json" if timed else "json",
            "timestamp_granularities[]": [detail] if timed else None,
            **self.options,
        }
        return {name: value for name, value in given.items() if value is not None}


def text_of(response: Any) -> str:
    """Read the text of a response, without the blank that Whisper begins with.

    Raises:
        MalformedError: There is none.
    """
    text = response.get("text") if isinstance(response, dict) else None
    if not isinstance(text, str):
        raise MalformedError("there is no text")
    return text.strip()


def segments_of(response: Any, *, words: bool) -> list[Segment]:
    """Read the segments or the words of a response; those without times are left out.

    Raises:
        MalformedError: They are not a list.
    """
    name, key = ("words", "word") if words else ("segments", "text")
    listed = response.get(name) or []
    if not isinstance(listed, list):
        raise MalformedError(f"its {name} are not a list")
    found = (_segment(each, key) for each in listed)
    return [each for each in found if each is not None]


def _segment(each: Any, key: str) -> Segment | None:
    if not isinstance(each, dict):
        raise MalformedError("a segment is not an object")
    start, end, text = each.get("start"), each.get("end"), each.get(key)
    if not (isinstance(start, int | float) and isinstance(text, str)):
        return None
    ends = float(end) if isinstance(end, int | float) else float(start)
    return Segment(float(start), max(ends, float(start)), text.strip())
