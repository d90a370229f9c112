"""Build prompt attachments from ``--image``, ``--audio``, ``--video`` and ``--file``.

A file is decoded if its encoding is certain; otherwise, an error names the likely one.
"""

from __future__ import annotations

import base64
import codecs
import mimetypes
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charset_normalizer import from_bytes

from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.expand import evaluate
from xinference_magics.notebook.prompt.pictures import deep_picture, picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xinference_magics.notebook.chatting.options import ChatOptions
    from xinference_magics.notebook.prompt.pictures import Block


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
_ENOUGH = 2_000
"""Number of bytes that tell the Eastern encodings apart."""
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
    guess = None
    if encoding == "utf-8":
        guess = _guess(data) if text is None else _wide(data)
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
        return _wide(data)
    found = None
    if _EASTERN_RUN.search(sample):
        repeated = sample * (_ENOUGH // len(sample) + 1)  # a short text is often guessed wrong
        found = from_bytes(repeated, cp_isolation=[*_EASTERN]).best()
    if found is not None:
        return found.encoding
    letters = sum(byte > 0x7F for byte in sample)  # noqa: PLR2004
    return _CYRILLIC if letters > len(sample) / 2 else _WESTERN


def _wide(data: bytes) -> str | None:
    """Return the form of UTF-16 without a byte order mark that the data is in; None if in none.

    The zero bytes of its spaces, line ends and Western letters are on one side of a pair.
    """
    even, odd = data[::2].count(0), data[1::2].count(0)
    if even == odd:
        return None
    encoding = "utf-16-be" if even > odd else "utf-16-le"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return encoding if _is_written(text[:_SAMPLE]) else None


def _is_written(text: str) -> bool:
    """Return whether a text has ASCII, and no controls or characters that Unicode lacks."""
    used = set(text) - set("\t\n\f\r\x1b")
    return any(each.isascii() for each in text) and not any(
        unicodedata.category(each) in {"Cc", "Cn", "Co"} for each in used
    )


LARGEST = 50_000_000
"""Maximum size of an attached file, in bytes."""
_MEDIA = ("image", "audio", "video")


def attached(options: ChatOptions, variables: Mapping[str, Any]) -> Iterator[str | Block]:
    """Yield prompt parts for the attachments in `options`: media by kind, then files.

    Media are URLs, files, or expressions evaluated in the notebook.

    Raises:
        PromptError: An attachment is none of these, or not of the kind that its option takes.
    """
    for kind in _MEDIA:
        for named in getattr(options, kind) or ():
            yield media(kind, named, variables, f"--{kind}")
    for named in options.file or ():
        yield _file(named)


def media(kind: str, named: str, variables: Mapping[str, Any], option: str) -> Block:
    """Return the content block of a URL, a file, or an expression evaluated in the notebook.

    Args:
        kind: ``image``, ``audio`` or ``video``.
        named: The URL, file or expression.
        variables: The notebook's variables.
        option: The option that names it, for errors.

    Raises:
        PromptError: It is none of these, or not of that kind.
    """
    found = _named(kind, named)
    if found is not None:
        return found
    value = _value(option, named, variables)
    data = getattr(value, "data", None)  # of this package, or IPython.display.Audio and Video
    if isinstance(value, str | Path):
        found = _named(kind, str(value))
    elif isinstance(value, bytes):
        found = _block(kind, value, named)
    elif callable(block := getattr(value, "to_content_block", None)) and block()["type"] == kind:
        found = block()
    elif kind == "image":
        found = picture(value, named, grey=True)
    elif isinstance(data, bytes):
        found = _block(kind, data, named)
    if found is None:
        raise PromptError(
            f"{option} {named}: {_described(value)} is not {_AS[kind]}.",
            hint="Pass a file, a URL or bytes.",
        )
    return found


_AS = {"image": "an image", "audio": "a sound", "video": "a video"}


def _described(value: Any) -> str:
    """Describe a value by its type and, for an array, its shape."""
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    article = "an" if kind == "ndarray" or kind[0] in "AEIOaeio" else "a"
    return f"{article} {kind}" + (f" of shape {tuple(shape)}" if isinstance(shape, tuple) else "")


def _named(kind: str, name: str) -> Block | None:
    """Return a block for a URL or a file; None if `name` is neither."""
    if name.startswith(("http://", "https://")):
        return {"type": kind, "url": name}
    path = Path(name).expanduser()
    return _encoded(kind, path) if _is_file(path) else None


def _value(option: str, named: str, variables: Mapping[str, Any]) -> Any:
    try:
        return evaluate(named, variables, option=option)
    except PromptError as error:
        if mimetypes.guess_type(named)[0] is not None:
            raise PromptError(f"{option} {named}: there is no such file.", hint=_folder()) from None
        if "/" not in named:
            raise
        cause = error.__cause__
        raise PromptError(
            f"{option} {named}: there is no such file, and as an expression: "
            f"{type(cause).__name__}: {cause}.",
            hint=" ".join(filter(None, [error.hint, _folder()])),
        ) from error


def _folder() -> str:
    return f"This notebook's folder is {Path.cwd()}."


_DEFAULTS = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name may be too long for a path
        return False


def _encoded(kind: str, path: Path) -> Block:
    guessed = mimetypes.guess_type(path.name)[0] or ""
    mime = guessed if guessed.startswith(f"{kind}/") else None
    return {**_block(kind, _read(path), path.name, mime), "extras": {"name": path.name}}


def _block(kind: str, data: bytes, name: str, mime: str | None = None) -> Block:
    """Return a block for `data`, reducing an image of more than 8 bits per channel to 8."""
    drawn = deep_picture(data, name) if kind == "image" else None
    encoded = base64.b64encode(data).decode("ascii")
    return drawn or {"type": kind, "base64": encoded, "mime_type": mime or _DEFAULTS[kind]}


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise PromptError(
                f"{path} is larger than {LARGEST // 1_000_000} MB.", hint="Attach part of it."
            )
        return path.read_bytes()
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}.", hint=_folder()) from error


def _file(named: str) -> str | Block:
    """Attach a file by its type: media as a block, a PDF or other text as text."""
    path = Path(named).expanduser()
    mime = mimetypes.guess_type(path.name)[0] or ""
    kind = mime.partition("/")[0]
    if kind in _MEDIA:
        return _encoded(kind, path)
    data = _read(path)
    text = _pdf_text(path) if mime == "application/pdf" else decoded(path, data)
    return f"\n\nFile {path.name}:\n{text}\n"


def _pdf_text(path: Path) -> str:
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, PyPdfError
    except ImportError:
        raise PromptError(
            f"Reading a PDF needs pypdf: {path}.", hint="%pip install pypdf"
        ) from None
    try:
        text = "\n\n".join(page.extract_text() for page in PdfReader(path).pages)
    except (PyPdfError, DependencyError) as error:
        raise PromptError(
            f"{path} is not a readable PDF: {error}.", hint="Attach its text instead."
        ) from error
    if not text.strip():
        raise PromptError(
            f"{path} contains no readable text: it may be scanned, or protected.",
            hint="Attach its pages as images: --image FILE.",
        )
    return text
