"""Image, audio and video blocks -> the parts that a model's engine reads.

Engines differ: llama.cpp takes sound as ``input_audio`` and refuses ``audio_url``; the others
take ``audio_url`` and drop what they do not know without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.engines import LLAMA_CPP

if TYPE_CHECKING:
    from collections.abc import Collection

_STANDARD = {"image", "audio", "video", "file", "media"}
_URL_PARTS = {"image_url": "image", "audio_url": "audio", "video_url": "video"}
_SOUND = "input_audio"


@dataclass(frozen=True)
class Media:
    """One picture, sound or film, however it was spelled.

    Args:
        kind: ``image``, ``audio`` or ``video``.
        url: An address, or a ``data:`` URI.
    """

    kind: str
    url: str

    @property
    def base64(self) -> str | None:
        """The bytes, in base64, where they are in the URL."""
        head, comma, data = self.url.partition(",")
        return data if comma and head.startswith("data:") and head.endswith(";base64") else None

    @property
    def format(self) -> str:
        """The last part of the MIME type, as ``wav``."""
        return self.url.partition(";")[0].rpartition("/")[2]


def part_for(
    block: dict[str, Any], engine: str | None, unreadable: Collection[str] = ()
) -> dict[str, Any]:
    """Return `block` as `engine` reads it; a block that is no media comes back as it is.

    Raises:
        BadRequestError: The engine cannot read such a block, or the model none of a kind that
            is `unreadable`; nothing was sent.
    """
    kind = block.get("type")
    if kind == "text-plain":
        return {"type": "text", "text": block.get("text", "")}
    if kind not in _STANDARD and kind not in _URL_PARTS and kind != _SOUND:
        return block
    media = _media(block)
    if media.kind in unreadable:
        raise BadRequestError(
            f"This model cannot read {media.kind} input, by the abilities its server lists.",
            hint="%xinference list shows the abilities of what runs.",
        )
    if media.kind == "audio" and engine == LLAMA_CPP:
        return _input_audio(media)
    name = f"{media.kind}_url"
    given = block.get(name)
    extras = given if isinstance(given, dict) else {}
    return {"type": name, name: {**extras, "url": media.url}}


def _input_audio(media: Media) -> dict[str, Any]:
    if media.base64 is None:
        raise BadRequestError(
            "The llama.cpp engine reads sounds from the request only, not from a URL.",
            hint='Send it as {"type": "audio", "base64": ..., "mime_type": "audio/wav"}.',
        )
    return {"type": _SOUND, _SOUND: {"data": media.base64, "format": media.format}}


def _media(block: dict[str, Any]) -> Media:
    """Read LangChain's, OpenAI's, Anthropic's and Vertex' spellings."""
    kind = block["type"]
    if kind in _URL_PARTS:
        value = block[kind]
        return Media(_URL_PARTS[kind], value if isinstance(value, str) else value["url"])
    if kind == _SOUND:
        given = block[kind]
        return Media("audio", f"data:audio/{given['format']};base64,{given['data']}")
    source = block["source"] if isinstance(block.get("source"), dict) else block
    mime = source.get("mime_type") or source.get("media_type") or _DEFAULT_MIME.get(kind, "")
    data = source.get("base64") or source.get("data")
    url = f"data:{mime};base64,{data}" if data else source.get("url")
    kind = kind if kind in _DEFAULT_MIME else mime.partition("/")[0]
    if kind not in _DEFAULT_MIME or not url:
        raise BadRequestError(
            f"No model can read this block: {mime or kind or 'of an unknown type'}.",
            hint="Images, sounds and videos go as url or base64 with their mime_type.",
        )
    return Media(kind, url)


_DEFAULT_MIME = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}
