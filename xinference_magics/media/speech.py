"""What a speech model says, as a value that plays itself and can be saved."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from xinference_magics.errors import BadRequestError

EMBEDDED_BYTES = 5_000_000
"""Up to this many bytes of sound are put into the notebook; a minute of mp3 has about 0.5 MB."""

MIME_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "pcm": "audio/pcm",
}
"""The formats that OpenAI's interface names, and their MIME types."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A text that a model has spoken.

    Attributes:
        data: The sound file, as the server sent it.
        format: ``mp3``, ``wav``, ...
        text: What is said.
        voice: The voice; empty for the model's own.
        model: The UID of the model.
        parameters: The other parameters.
        elapsed: How long the request took, in seconds.
        embedded_bytes: Up to this size a cell shows a player; a larger sound has to be saved.
    """

    data: bytes = field(repr=False)
    format: str
    text: str
    voice: str = ""
    model: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    elapsed: float = 0.0
    embedded_bytes: int = field(default=EMBEDDED_BYTES, repr=False)

    @property
    def mime_type(self) -> str:
        """The MIME type of the file."""
        return MIME_TYPES[self.format]

    @property
    def seconds(self) -> float | None:
        """How long it lasts; None unless it is a wav file, whose header tells it."""
        if self.format != "wav":
            return None
        try:
            with wave.open(io.BytesIO(self.data)) as file:
                return float(file.getnframes() / file.getframerate())
        except (wave.Error, EOFError):
            return None

    @property
    def label(self) -> str:
        """Describe the sound in a few words."""
        lasts = f"{seconds:.1f} s, " if (seconds := self.seconds) is not None else ""
        return f"speech: {lasts}{len(self.data) / 1000:,.0f} kB of {self.format}"

    def save(self, path: str | Path) -> Path:
        """Write the sound to a file, and return the file's path.

        Raises:
            BadRequestError: The suffix is that of another format.
            OSError: The file cannot be written.
        """
        path = Path(path).expanduser()
        if not path.suffix:
            path = path.with_suffix(f".{self.format}")
        if MIME_TYPES.get(path.suffix[1:].lower()) != self.mime_type:
            raise BadRequestError(
                f"{path.name}: the sound is {self.format}.",
                hint=f"Use the suffix .{self.format}, or ask for another format.",
            )
        path.write_bytes(self.data)
        return path

    @property
    def base64(self) -> str:
        """The file in base64."""
        return base64.b64encode(self.data).decode("ascii")

    def to_content_block(self) -> dict[str, Any]:
        """Return a content block for a message of LangChain."""
        return {"type": "audio", "base64": self.base64, "mime_type": self.mime_type}

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show a player; the HTML has the sound, so that it also plays in the saved notebook."""
        plain = f"<{self.label}>"
        if len(self.data) > self.embedded_bytes:
            limit = f"{self.embedded_bytes / 1e6:g} MB"
            said = f"{plain[:-1]}: more than {limit} is not put into the notebook; .save(PATH)>"
            return {"text/plain": said}
        source = f"data:{self.mime_type};base64,{self.base64}"
        label = escape(self.text, quote=True)
        html = f'<audio controls preload="metadata" aria-label="{label}" src="{source}"></audio>'
        return {"text/html": html, "text/plain": plain}
