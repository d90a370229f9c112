"""Type-checked access to parts of a server's JSON, and characters that are split across them.

Null and missing values count as empty. Anything else of the wrong type makes the answer unreadable:
langchain-core would accept it and fail when it merges chunks or counts tokens.

Such values raise `MalformedError`, and only that is converted to the server's error. Any other
failure while an answer is read is a bug in this package and surfaces unchanged.
"""

from __future__ import annotations

import json
import logging
import re
import struct
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import ServerError

if TYPE_CHECKING:
    from types import TracebackType


_log = logging.getLogger(__name__)

UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""Exceptions from code that reads data without checking it first."""


DONE = "[DONE]"
"""The key of the chunk that marks the end of an event stream that the server completed."""


class MalformedError(Exception):
    """A server's JSON has an unexpected format."""


class understood(AbstractContextManager[None]):  # noqa: N801  # used as a function
    """Convert what the readers below reject to an error that names the model.

    Args:
        model_uid: The model that answered.
        request_id: The id of the request that it answered, if it had one.

    Raises:
        ServerError: The answer has an unexpected format.
    """

    def __init__(self, model_uid: str, request_id: str | None = None) -> None:
        self._model_uid = model_uid
        self._request_id = request_id

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Convert a `MalformedError`, and add the request id to a `ServerError`."""
        if isinstance(error, MalformedError):
            _log.debug("Request %s got a malformed response", self._request_id, exc_info=error)
            raise ServerError(
                f"{self._model_uid} sent a response in an unknown format.",
                request_id=self._request_id,
                hint="Does a proxy alter it? The server's log may say more.",
            ) from error
        if isinstance(error, ServerError):
            error.request_id = self._request_id


def text_in(data: Mapping[str, Any], name: str) -> str:
    """Return the string under `name`; a lone surrogate, which cannot be encoded, becomes U+FFFD.

    Raises:
        MalformedError: It isn't a string.
    """
    return whole_characters(raw_text_in(data, name))


def raw_text_in(data: Mapping[str, Any], name: str) -> str:
    """Return the string under `name` unchanged, for text that continues in the next piece.

    Raises:
        MalformedError: It isn't a string.
    """
    value = (data if data.__class__ is dict else _of(data)).get(name)
    if value is None:  # fast paths for the chunks of a stream, here and below
        return ""
    return value if value.__class__ is str else _checked(value, str, name)


def content_in(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the reasoning and the text under ``content``, a string or a list of blocks.

    Mistral's models send blocks of type ``thinking`` with further blocks under that key. A proxy
    may send the words of a refusal instead; see `refusal_in`.

    Raises:
        MalformedError: The content is neither, or a block is unknown.
    """
    value = _of(data).get("content")
    if not value and data.get("refusal"):
        return "", raw_text_in(data, "refusal")
    if value.__class__ is str:
        return "", value
    if not isinstance(value, list | Mapping):
        return "", _checked(value, str, "content") or ""
    parts = [_block(each) for each in (value if isinstance(value, list) else [value])]
    return "".join(thought for thought, _ in parts), "".join(text for _, text in parts)


def _block(block: Any) -> tuple[str, str]:
    if isinstance(block, Mapping) and "thinking" in block:
        inner = block["thinking"]
        return "".join(map(_words, inner if isinstance(inner, list) else [inner])), ""
    return "", _words(block)


def _words(block: Any) -> str:
    if isinstance(block, str):
        return block
    for name in ("text", "refusal"):
        if name in _of(block):
            return raw_text_in(block, name)
    raise MalformedError(f"a block of the content holds {sorted(block)}")


def refusal_in(said: Mapping[str, Any]) -> str:
    """Return the words with which a model refused, under ``refusal`` or in blocks of that type.

    Raises:
        MalformedError: They are not a string.
    """
    if words := raw_text_in(said, "refusal"):
        return words
    content = said.get("content")
    blocks = content if isinstance(content, list) else [content]
    return "".join(
        raw_text_in(each, "refusal")
        for each in blocks
        if isinstance(each, Mapping) and each.get("refusal")
    )


def object_in(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object under `name`.

    Raises:
        MalformedError: It isn't an object.
    """
    value = (data if data.__class__ is dict else _of(data)).get(name)
    if value is None:
        return {}
    return value if value.__class__ is dict else _checked(value, dict, name)


_SAID = ("message", "delta", "text")
"""Where a choice has its words: whole, in a piece of a stream, or in a text completion."""


def says_nothing(choice: Mapping[str, Any]) -> bool:
    """Return whether a choice has no place for words, not even an empty one."""
    return not any(name in choice for name in _SAID)


def message_in(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message of a choice; servers also send a delta or a text in its place.

    Raises:
        MalformedError: It isn't one of these.
    """
    for name in ("message", "delta"):
        if found := object_in(choice, name):
            return found
    text = raw_text_in(choice, "text")
    return {"content": text} if text else {}


def objects_in(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the list of objects under `name`.

    Raises:
        MalformedError: It isn't a list of objects.
    """
    found = _of(data).get(name)
    listed: list[Any] = found if found.__class__ is list else _checked(found, list, name) or []
    for each in listed:
        if each.__class__ is not dict:
            _checked(each, dict, name, required=True)
    return listed


def calls_in(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tool calls of a message or delta; a single one may come without a list.

    Raises:
        MalformedError: They are neither an object nor a list of objects.
    """
    found = _of(said).get("tool_calls")
    single = isinstance(found, Mapping) and found
    calls: list[Any] = [found] if single else objects_in(said, "tool_calls")
    return list(map(_with_whole_id, calls))


def _with_whole_id(call: Mapping[str, Any]) -> Mapping[str, Any]:
    given = call.get("id")
    if not isinstance(given, str) or given.isascii():
        return call
    return {**call, "id": whole_characters(given)}


def finish_in(choice: Mapping[str, Any]) -> str:
    """Return why the answer ended, or an empty string if it has not.

    SGLang sends an object: ``{"type": "length", "length": 256}``.

    Raises:
        MalformedError: The reason is neither a string nor such an object.
    """
    value = _of(choice).get("finish_reason")
    if isinstance(value, Mapping):
        return text_in(value, "type")
    return text_in(choice, "finish_reason")


def integer_in(data: Mapping[str, Any], name: str) -> int | None:
    """Return the integer under `name`, which may be written as a string.

    Raises:
        MalformedError: It isn't an integer.
    """
    value = _of(data).get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:  # noqa: PLR2004
        return int(value)
    raise MalformedError(f"{name} is a {type(value).__name__}")


def number_in(data: Mapping[str, Any], name: str) -> float:
    """Return the number under `name`.

    Raises:
        MalformedError: It is missing or isn't a number.
    """
    return number(_of(data).get(name), name)


def number(value: Any, name: str) -> float:
    """Return `value`, a number, as a float.

    Raises:
        MalformedError: It isn't a number, or is too large.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MalformedError(f"{name} is a {type(value).__name__}")
    try:
        return float(value)
    except OverflowError as error:
        raise MalformedError(f"{name} is larger than any number") from error


def logprobs_in(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the log probabilities as lists, which are joined when chunks are merged.

    Raises:
        MalformedError: They are not an object with lists.
    """
    if not (found := object_in(choice, "logprobs")):
        return {}
    return whole_values(  # type: ignore[no-any-return]
        {name: value for name, value in found.items() if _checked(value, list, name)}
    )


def whole_values(value: Any) -> Any:
    """Return parsed JSON in which each lone surrogate of its strings is U+FFFD.

    Raises:
        MalformedError: It is nested too deeply.
    """
    try:
        text = json.dumps(value)
        return json.loads(whole_escapes(text)) if "\\ud" in text else value
    except RecursionError as error:
        raise MalformedError("a value is nested too deeply") from error


def whole_characters(text: str) -> str:
    """Join the surrogate pairs of characters beyond U+FFFF; a lone surrogate becomes U+FFFD.

    JSON may encode such a character as two escapes, and a server may send them separately.
    """
    if text.isascii() or not _has_halves(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _has_halves(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


class Characters:
    """Join characters that are split across pieces of text."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """Add a piece, holding back the first half of a character at its end."""
        if piece.isascii() and not self._half:
            return piece
        piece = self._half + piece
        self._half = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        return whole_characters(piece.removesuffix(self._half))

    def end(self) -> str:
        """Return the replacement for a half whose other half never arrived."""
        held, self._half = self._half, ""
        return whole_characters(held)


def _of(data: Any) -> Mapping[str, Any]:
    if data.__class__ is dict:
        return data
    return _checked(data, Mapping, "the answer", required=True)  # type: ignore[no-any-return]


def _checked(value: Any, kind: type, name: str, *, required: bool = False) -> Any:
    if isinstance(value, kind) or (value is None and not required):
        return value
    raise MalformedError(f"{name} is a {type(value).__name__}")


_FIRST = r"\\u[dD][89abAB][\da-fA-F]{2}"
_SECOND = r"\\u[dD][c-fC-F][\da-fA-F]{2}"
_ESCAPE = re.compile(rf"{_FIRST}{_SECOND}|({_FIRST}|{_SECOND})|\\.", re.DOTALL)
_MAY_GO_ON = re.compile(rf"(?<!\\)(?:\\\\)*((?:{_FIRST})?(?:\\(?:u[\da-fA-F]{{0,3}})?)?)\Z")


def whole_escapes(text: str) -> str:
    r"""Replace each escape of a lone surrogate with ``\ufffd``.

    Args:
        text: JSON, or a part of it that does not begin within an escape.
    """
    if "\\u" not in text:
        return text
    return _ESCAPE.sub(lambda found: "\\ufffd" if found[1] else found[0], text)


class Escapes:
    """Join escapes of one character that are split across the pieces of a JSON text."""

    def __init__(self) -> None:
        self._characters = Characters()
        self._held = ""

    def feed(self, piece: str) -> str:
        """Add a piece, holding back an escape at its end that may continue."""
        text = self._held + self._characters.feed(piece)
        if "\\" not in text:
            return text
        found = _MAY_GO_ON.search(text)
        self._held = found[1] if found else ""
        return whole_escapes(text.removesuffix(self._held))

    def end(self) -> str:
        """Return what is still held back."""
        held, self._held = self._held + self._characters.end(), ""
        return whole_escapes(held)
