"""Image, audio and video blocks -> the parts that a model's engine reads.

Engines differ. llama.cpp accepts audio only as ``input_audio`` and rejects anything else. The
others look for the key ``audio_url`` and silently drop a part without it; Qwen2-Audio on
transformers also looks for the type ``audio``. Images and videos have the same format everywhere.

URLs are sent unchanged, because the server opens them. Files are never opened, here or there: a
path in a message may come from anyone.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection  # noqa: TC003  # the dataclass is inspected
from dataclasses import dataclass
from typing import Any

from xinference_magics.errors import BadRequestError
from xinference_magics.plain import shortened
from xinference_magics.remedies import Remedy
from xinference_magics.wire.engines import LLAMA_CPP

_BY_URL = {"image_url": "image", "audio_url": "audio", "video_url": "video"}
_BY_DATA = {"input_audio": "audio", "input_video": "video"}
_STANDARD = {"image", "audio", "video", "file", "media"}
_TEXTS = {"text-plain", "document"}
_USUAL = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}
_SHOWN_CHARS = 60  # of an address that is refused
_REMEDY = 'Send the bytes: {{"type": "{kind}", "base64": ..., "mime_type": "{mime}"}}.'


@dataclass(frozen=True)
class Reader:
    """The model that will read the media.

    Args:
        model_uid: Its UID, for error messages.
        engine: Its engine in lower case; None if unknown.
        unreadable: The kinds of media that it is known not to accept.
    """

    model_uid: str = ""
    engine: str | None = None
    unreadable: Collection[str] = ()

    def part(self, block: dict[str, Any]) -> dict[str, Any]:
        """Return `block` as this model reads it; one that isn't a file is returned unchanged.

        Raises:
            BadRequestError: The model cannot read such a block; nothing was sent.
        """
        if not isinstance(block.get("type", ""), str):
            raise no_block("the type of a block is not a string")
        if block.get("type") in _TEXTS or block.get("source_type") == "text":
            return {"type": "text", "text": _text(block)}
        if not is_media(block):
            return block
        media = _media(block)
        if media.kind in self.unreadable:
            raise BadRequestError(
                f"The model {self.model_uid} cannot read {media.kind} input, according to the "
                "abilities its server lists.",
                hint=Remedy.LIST_ABILITIES(),
            )
        if media.kind == "audio":
            return _sound(media, self.engine)
        name = f"{media.kind}_url"
        given = block.get(name)
        return {"type": name, name: {**(given if isinstance(given, dict) else {}), **media.value}}


ANY_READER = Reader()


def no_block(why: str) -> BadRequestError:
    """Return the error for content that is neither text nor a block."""
    return BadRequestError(
        f"A message cannot be sent: {why}.",
        hint='Its content must be text, or blocks such as {"type": "text", "text": "..."}.',
    )


def is_media(block: Any) -> bool:
    """Return whether `block` is image, audio or video, or a file that may be one of them."""
    kind = block.get("type") if isinstance(block, dict) else None
    return kind in _STANDARD or kind in _BY_URL or kind in _BY_DATA


def no_part(what: object) -> BadRequestError:
    """Return the error for a block that is neither text nor media."""
    return BadRequestError(
        f"No model can read this block: {what}.",
        hint="Send images, sounds and videos as url, or as base64 with their mime_type.",
    )


def _text(block: dict[str, Any]) -> str:
    """Return the contents of a text file in LangChain's old or new format, or Anthropic's.

    Raises:
        BadRequestError: They are not in the block, or are not text.
    """
    inner = block.get("source")
    source = inner if isinstance(inner, dict) else block
    text = source.get("text") or (source.get("data") if source.get("type") == "text" else None)
    if isinstance(text, str):
        return text
    mime = source.get("mime_type") or source.get("media_type") or "text/plain"
    try:
        return b64decode(source["base64"]).decode()
    except (LookupError, TypeError, ValueError):
        raise no_part(mime) from None


@dataclass(frozen=True)
class _Media:
    """One image, audio or video, from any format.

    Args:
        kind: ``image``, ``audio`` or ``video``.
        url: A web address or a ``data:`` URI.
    """

    kind: str
    url: str

    def __post_init__(self) -> None:
        if not self.url[:8].lower().startswith(("data:", "http://", "https://")):
            raise BadRequestError(
                "Files are never opened for a message, and this is not a web address: "
                f"{shortened(self.url, _SHOWN_CHARS)!r}.",
                hint=_REMEDY.format(kind=self.kind, mime=_USUAL[self.kind]),
            )

    @property
    def value(self) -> dict[str, str]:
        """The value for ``image_url`` and similar keys."""
        return {"url": self.url}

    @property
    def base64(self) -> str | None:
        """The bytes in base64, if the URL contains them."""
        head, comma, data = self.url.partition(",")
        return data if comma and head.startswith("data:") and head.endswith(";base64") else None

    @property
    def format(self) -> str:
        """The last part of the MIME type, such as ``wav``."""
        return self.url.partition(",")[0].partition(";")[0].rpartition("/")[2]


def _sound(media: _Media, engine: str | None) -> dict[str, Any]:
    if engine != LLAMA_CPP:
        return {"type": "audio", "audio_url": media.value}
    if media.base64 is None:
        raise BadRequestError(
            "The llama.cpp engine reads sounds from the request only, not from a URL.",
            hint=_REMEDY.format(kind="audio", mime="audio/wav"),
        )
    return {"type": "input_audio", "input_audio": {"data": media.base64, "format": media.format}}


def _media(block: dict[str, Any]) -> _Media:
    """Parse LangChain's old and new formats, and those of OpenAI, Anthropic, Vertex and Qwen.

    These are the formats that langchain-core and its integrations use in messages.
    """
    kind, mime, url = _spelled(block)
    if kind not in _USUAL or not isinstance(url, str) or not url:
        raise no_part(mime or block["type"])
    return _Media(kind, url)


def _spelled(block: dict[str, Any]) -> tuple[str, str, Any]:
    """Return the kind, MIME type and URL of `block`; the last two may be missing."""
    spelling = "audio_url" if "audio_url" in block else block["type"]
    if spelling in _BY_URL:
        value = block.get(spelling)
        return _BY_URL[spelling], "", value.get("url") if isinstance(value, dict) else value
    inner = (block.get(name) for name in (spelling, "source", "file"))
    source = next((each for each in inner if isinstance(each, dict)), block)
    url = source.get("url") or source.get("file_data")
    kind = _BY_DATA.get(spelling, spelling)
    mime = source.get("mime_type") or source.get("media_type") or ""
    if not mime and source.get("format"):
        mime = f"{kind}/{source['format']}"
    if not mime and isinstance(url, str) and url.startswith("data:"):
        mime = url[len("data:") :].partition(",")[0].partition(";")[0]
    if not isinstance(mime, str):
        raise no_block("the MIME type of a block is not a string")
    mime = mime or _USUAL.get(kind, "")
    if data := source.get("base64") or source.get("data"):
        if not isinstance(data, str | bytes):
            raise no_block("the data of a block is neither base64 nor bytes")
        url = f"data:{mime};base64,{_in_base64(data)}"
    return kind if kind in _USUAL else mime.partition("/")[0], mime, url


def _in_base64(data: str | bytes) -> str:
    """Return base64 as one line of text; bytes that are not base64 yet are encoded."""
    if isinstance(data, bytes):
        data = data.decode() if data.isascii() else b64encode(data).decode()
    return "".join(data.split())
