"""Extract the server's message from an error body: JSON, text, or an HTML page.

Nothing here does I/O or imports an HTTP library. The formats were observed on Xinference 4.1.
"""

from __future__ import annotations

import html
import json
import re
from ast import literal_eval
from typing import Any

from xinference_magics.plain import neutralise

_LONGEST = 400  # characters of a server's text that still fit on one line
_READ = 10_000  # characters of a text that are examined

_ADDRESS = re.compile(r"\[address=[^\]]{0,200}\]\s*")
_VALIDATION = re.compile(r"(?<!\d)\d+ validation errors? for \w+\n")
_FIELD = re.compile(r"^(?P<name>\S.*)\n {2}(?P<fault>\S.*)$", re.MULTILINE)
_TAG = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(?P<title>.*?)</title>", re.DOTALL | re.IGNORECASE)


def one_line(text: str) -> str:
    """Return `text` as a single printable line, without the server's address prefix."""
    return neutralise(" ".join(_ADDRESS.sub("", text[:_READ]).split()))


def shortened(text: str) -> str:
    """Truncate `text` to what fits on one line."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def detail_of(body: bytes | str) -> str:
    """Return the server's message from an error body: JSON, plain text or an HTML page."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        return one_line(_said(_data(text)))
    except (ValueError, RecursionError):
        text = text[:_READ]
    if "<html" in text[:1000].lower() or text.lstrip().startswith("<"):
        title = _TITLE.search(text)
        return one_line(html.unescape(title["title"] if title else _TAG.sub(" ", text)))
    return one_line(_validation(text))


def _data(text: str) -> object:
    """Parse JSON, or the Python literal to which xinference-client converts an error event.

    Raises:
        ValueError: It is neither.
    """
    if not text.startswith("{'"):
        return json.loads(text)
    return literal(text)


def literal(text: str) -> Any:
    """Parse a Python literal.

    Raises:
        ValueError: It isn't one.
    """
    try:
        return literal_eval(text[:_READ])
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("no literal") from error


def _said(data: object) -> str:
    """Find the message in `detail`, `error`, `message`, or FastAPI's list of invalid fields."""
    if isinstance(data, dict):
        for key in ("detail", "error", "message"):
            if data.get(key):
                return _said(data[key])
        if isinstance(place := data.get("loc"), list) and "msg" in data:
            return f"{'.'.join(map(str, place[1:]))}: {data['msg']}"
        return ""
    if isinstance(data, list):
        return "; ".join(filter(None, map(_said, data)))
    return "" if data is None else str(data)


def _validation(text: str) -> str:
    """Condense pydantic's report, a line per field and an indented one per fault, to pairs."""
    found = _VALIDATION.search(text)
    if not found:
        return text
    pairs = _FIELD.finditer(text, found.end())
    return "; ".join(f"{pair['name']}: {pair['fault']}" for pair in pairs)


def is_validation(body: bytes | str) -> bool:
    """Return whether a body is pydantic's report of what is invalid in a request."""
    start = body[:_READ]
    text = start.decode(errors="replace") if isinstance(start, bytes) else start
    return _VALIDATION.search(text) is not None
