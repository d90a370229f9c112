"""Decode a file's bytes if the encoding is certain; otherwise an error names the likely one."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from charset_normalizer import from_bytes

from xinference_magics.errors import PromptError

if TYPE_CHECKING:
    from pathlib import Path

_MARKS = (  # UTF-32 comes first, because its LE mark starts with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_EASTERN = ("gb18030", "cp932", "big5", "cp949")
"""Chinese, Japanese and Korean are told apart by their bytes; the others only by byte counts."""
_CYRILLIC, _WESTERN = "cp1251", "cp1252"
_EASTERN_RUN = re.compile(
    rb"[\x80-\xff]{4}|(?<![A-Za-z\x80-\xff])[\x80-\xff]{2,3}(?![A-Za-z\x80-\xff])"
)
"""Runs rare in Western text, where accents are single, or few within a word (German süß)."""
_SAMPLE = 65_536
"""Number of bytes from which an encoding is guessed."""
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\f\r\x1b"})


def decoded(path: Path, data: bytes) -> str:
    """Decode a file as UTF-8, or as its byte order mark specifies.

    Raises:
        PromptError: The encoding is another, which the error names with the code that reads it;
            or the data isn't text, for example because it contains a zero byte.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = None
    if text is not None and "\0" not in text:
        return text
    guess = _guess(data) if text is None and encoding == "utf-8" else None
    if guess is None:
        raise PromptError(
            f"{path} is not a text file.",
            hint="Text, PDF, images, sounds and videos can be attached.",
        )
    raise PromptError(
        f"{path} is not UTF-8; it may be {guess}.",
        hint=f"If so, insert it with {{{{open({str(path)!r}, encoding={guess!r}).read()}}}}.",
    )


def _guess(data: bytes) -> str | None:
    """Guess the encoding of a text; None if the data isn't text."""
    sample = data[:_SAMPLE]
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    if sample.translate(None, _CONTROLS) != sample:
        return None
    found = None
    if _EASTERN_RUN.search(sample):
        found = from_bytes(sample, cp_isolation=[*_EASTERN]).best()
    if found is not None:
        return found.encoding
    letters = sum(byte > 0x7F for byte in sample)  # noqa: PLR2004
    return _CYRILLIC if letters > len(sample) / 2 else _WESTERN
