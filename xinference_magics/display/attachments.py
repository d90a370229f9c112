"""Show the attachments of a prompt as thumbnails and names."""

from __future__ import annotations

import base64
import io
import re
from html import escape
from typing import TYPE_CHECKING, Any

from xinference_magics.plain import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_DRAWN = re.compile(r"image/(?:png|jpeg|gif|webp|bmp)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_HEIGHT = 96  # pixels
_LARGEST = 100_000
"""Characters of base64 up to which an image serves as its own thumbnail."""


def thumbnails(blocks: Iterable[dict[str, Any]] | None) -> str:
    """Render images as thumbnails, and all else as names, in HTML that fetches nothing."""
    shown = [_thumbnail(block) for block in blocks or () if block.get("type") != "text"]
    return f'<div style="margin:0 0 8px 0">{" ".join(shown)}</div>' if shown else ""


def _thumbnail(block: dict[str, Any]) -> str:
    name = printable(str((block.get("extras") or {}).get("name") or block.get("type")))
    data, mime = str(block.get("base64") or ""), str(block.get("mime_type") or "")
    if _DRAWN.fullmatch(mime) and _BASE64.fullmatch(data):
        data, mime = _smaller(data, mime)
        if data:
            return (
                f'<img src="data:{mime};base64,{data}" alt="{escape(name)}" '
                f'style="max-height:{_HEIGHT}px;max-width:100%"/>'
            )
    return f'<span style="font-size:12px;opacity:0.75">[{escape(name)}]</span>'


def _smaller(data: str, mime: str) -> tuple[str, str]:
    """Scale down a large image with Pillow; return empty strings if that is impossible."""
    if len(data) <= _LARGEST:
        return data, mime
    try:
        from PIL import Image

        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            picture.thumbnail((4 * _HEIGHT, 2 * _HEIGHT))
            small = io.BytesIO()
            picture.convert("RGB").save(small, format="JPEG")
    except Exception:  # noqa: BLE001  # decoders fail in many ways, also on a decompression bomb
        return "", ""
    return base64.b64encode(small.getvalue()).decode("ascii"), "image/jpeg"
