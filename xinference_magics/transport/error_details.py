"""Extract what a failed request's response says: the message, the reason, the sizes of a prompt.

Nothing here does I/O or imports an HTTP library. The formats were observed on Xinference 4.1.
"""

from __future__ import annotations

import html
import json
import re
from ast import literal_eval
from typing import TYPE_CHECKING, Any

from xinference_magics.json_fields import objects, text
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from xinference_magics.errors import ServerError

_MAX_READ_CHARS = 10_000  # characters of a text that are examined

_ERROR_FIELDS = frozenset(
    {
        *("detail", "error", "errors", "message", "msg"),
        *("code", "object", "param", "request_id", "status", "success", "type"),
    }
)
"""What an error body may consist of; anything else makes it an answer."""

_ADDRESS = re.compile(r"\[address=[^\]]{0,200}\]\s*")
_VALIDATION = re.compile(r"(?<!\d)\d+ validation errors? for \w+\n")
_FIELD = re.compile(r"^(?P<name>\S.*)\n {2}(?P<fault>\S.*)$", re.MULTILINE)
_TAG = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(?P<title>.*?)</title>", re.DOTALL | re.IGNORECASE)


def one_line(text: str) -> str:
    """Return `text` as a single printable line, without the server's address prefix."""
    return neutralise(" ".join(_ADDRESS.sub("", text[:_MAX_READ_CHARS]).split()))


def detail_of(body: bytes | str) -> str:
    """Return the server's message from an error body: JSON, plain text or an HTML page."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        return one_line(_said(_data(text)))
    except (ValueError, RecursionError):
        text = text[:_MAX_READ_CHARS]
    if "<html" in text[:1000].lower() or text.lstrip().startswith("<"):
        title = _TITLE.search(text)
        return one_line(html.unescape(title["title"] if title else _TAG.sub(" ", text)))
    return one_line(_validation(text))


def is_error(body: bytes) -> bool:
    """Return whether the response to a management request is an error, whatever its status.

    A message alone is none: it may report success.
    """
    if len(body) > _MAX_READ_CHARS or not body.lstrip().startswith(b"{"):
        return False
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    failed = data.get("code") or data.get("object") == "error" or data.get("success") is False
    said = data.get("error") or data.get("detail") or (failed and data.get("message"))
    return bool(said) and data.keys() <= _ERROR_FIELDS


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
        return literal_eval(text[:_MAX_READ_CHARS])
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
    start = body[:_MAX_READ_CHARS]
    text = start.decode(errors="replace") if isinstance(start, bytes) else start
    return _VALIDATION.search(text) is not None


# Reasons. Xinference 4.1 reports to chat clients only that the request failed. It stores the reason
# among the model's events, which everybody who may use the model may read.

_KEPT_BACK = "request failed. Check the server logs for details."


def says_nothing(error: ServerError) -> bool:
    """Return whether the server withheld the reason."""
    return error.detail.endswith(_KEPT_BACK)


def last_failure(events: Any) -> str | None:
    """Return the message of the last failure, or None.

    The server records a failure before it answers, so the last one belongs to the caller's request
    unless another request to the same model failed at the same moment.

    Args:
        events: The response to ``GET /v1/models/{uid}/events``, oldest first; None for none.
    """
    for each in reversed(objects(events)):
        if str(each.get("event_type")).upper() == "ERROR":
            said = text(each.get("event_content"))
            return said if said and said.strip() else None
    return None


# Sizes of a prompt that was refused as too long. Each engine words it differently: these patterns
# recognize llama.cpp, llama-cpp-python, vLLM, SGLang, MLX and transformers, as of Xinference 4.1,
# and OpenAI's message, which many others copy.

_NUMBER = r"(\d[\d,]{0,14})(?![.,]?\w| [km]\b)"
"""A number of tokens; one that continues, as in ``128k``, is a different number."""
_LIMIT = re.compile(
    r"(?:context[ _](?:length|size|window|limit)|model length|max_model_len)"
    rf"(?: is| of)?(?: only)?[ (=:]*{_NUMBER}",
    re.IGNORECASE,
)
_ASKED = re.compile(
    rf"{_NUMBER} (?:in the messages|tokens from the input)"
    rf"|(?:has|passed|contains)(?: at least)? {_NUMBER} (?:input )?tokens"
    rf"|(?:request|requested tokens|input|prompt) ?\((?:length )?{_NUMBER}"
    rf"|prompt length(?: of)? {_NUMBER}",
    re.IGNORECASE,
)


def asked_and_limit(detail: str) -> tuple[int | None, int | None]:
    """Return how many tokens a prompt had, and how many a request may have.

    Args:
        detail: The server's message. A number that it does not contain is returned as None.
    """
    return _first(_ASKED, detail), _first(_LIMIT, detail)


def _first(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    if found is None:
        return None
    number = int(next(filter(None, found.groups())).replace(",", ""))
    return number or None
