"""Parse the JSON of whole responses and of the events in a stream. Nothing here does I/O.

Servers and the proxies in front of them write event streams in many ways: with empty events,
``null``, an event of several lines, a byte order mark, or an error by name (``event: error``). Some
report an error with status 200, or answer a request for a stream with a whole response.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import BadRequestError
from xinference_magics.plain import printable
from xinference_magics.wire.parameters import LARGEST, SMALLEST
from xinference_magics.wire.shapes import DONE, MalformedError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Generator,
        Iterable,
        Iterator,
        Mapping,
    )

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventError(Exception):
    """The server reports a failure inside its response; the text is the server's message."""


def written(body: Mapping[str, Any]) -> bytes:
    """Encode a request body as JSON.

    Engines fail on a lone surrogate without giving a reason, so each becomes U+FFFD, as in answers.

    Raises:
        BadRequestError: It contains something that JSON cannot represent, or a number that engines
            cannot; nothing was sent.
    """
    for name, value in body.items():
        if any(map(_is_too_large, value if isinstance(value, list) else [value])):
            raise BadRequestError(f"{name} cannot be sent: a number in it has more than 64 bits.")
    try:
        text = json.dumps(body, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequestError(f"The request cannot be written as JSON: {error}.") from error
    return printable(text).encode()


def _is_too_large(value: object) -> bool:
    return isinstance(value, int) and not SMALLEST <= value <= LARGEST


def whole(body: bytes) -> Any:
    """Parse a whole response, whatever its content type.

    Raises:
        EventError: It is an error despite its success status.
        MalformedError: It isn't JSON.
    """
    data = _json(body.removeprefix(_BYTE_ORDER_MARK))
    if isinstance(data, dict) and (said := _error_in(data)):
        raise EventError(said)
    return data


def read(pieces: Iterable[bytes]) -> Generator[dict[str, Any]]:
    """Parse the events of a stream that arrives in pieces, cut anywhere.

    Raises:
        EventError: The server reports a failure.
        MalformedError: An event isn't a JSON object.
    """
    events = Events()
    for piece in pieces:
        yield from events.feed(piece)
    yield from events.end()


async def aread(pieces: AsyncIterable[bytes]) -> AsyncGenerator[dict[str, Any]]:
    """Parse the events of a stream asynchronously; see `read`."""
    events = Events()
    async for piece in pieces:
        for data in events.feed(piece):
            yield data
    for data in events.end():
        yield data


class Lines:
    """Splits pieces of a stream into its lines, which end in LF, CRLF or CR."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []  # of the line that has not ended
        self._returned = False  # whether the last piece ended in CR, which LF may follow

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that a piece completes, without their ends."""
        if piece and (self._returned or b"\r" in piece):
            piece = self._with_line_feeds(piece)
        *lines, rest = piece.split(b"\n")
        if lines and self._begun:
            lines[0] = b"".join([*self._begun, lines[0]])
            self._begun.clear()
        if rest:
            self._begun.append(rest)
        return lines

    def end(self) -> bytes:
        """Return the last line, which nothing ended."""
        return b"".join(self._begun)

    def _with_line_feeds(self, piece: bytes) -> bytes:
        if self._returned:
            piece = piece.removeprefix(b"\n")
        self._returned = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class Events:
    """Parses a stream piece by piece; each line may complete an event.

    An event is parsed at its first line if that is all of it: not every server sends an empty line
    after it.
    """

    def __init__(self) -> None:
        self._received = Lines()
        self._begun = False
        self._failed = False  # whether the event's name is "error"
        self._sent: bytes | None = None  # the last data of the event, None if it has none so far
        self._lines: list[bytes] = []  # of an event that is still incomplete
        self._other: list[bytes] = []  # of something that isn't an event stream

    def feed(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """Process a piece; yield the events that it completes.

        Raises:
            EventError: An event is an error.
            MalformedError: An event isn't a JSON object.
        """
        for line in self._received.feed(piece):
            data = self._line(line)
            if data is not None:
                yield data

    def end(self) -> Iterator[dict[str, Any]]:
        """Yield what the end completes: an event, or a whole response that isn't a stream.

        The latter is complete, as it can be parsed, and so is marked like a stream that was ended.
        """
        data = self._line(self._received.end())
        if data is not None:
            yield data
        is_whole = not self._lines and not self._begun
        if is_whole:
            self._lines = self._other
        data = self._ended()
        if data is not None:
            yield {**data, DONE: True} if is_whole else data

    def _line(self, line: bytes) -> dict[str, Any] | None:
        line = line.strip()
        if line.startswith(b"data:"):
            return self._data(line[5:].lstrip())
        if not line:
            return self._ended()
        if line.startswith(_BYTE_ORDER_MARK):
            return self._line(line.removeprefix(_BYTE_ORDER_MARK))
        self._field(line)
        return None

    def _ended(self) -> dict[str, Any] | None:
        """End an event, whose name may follow its data and makes even an empty one an error."""
        found = self._event(b"\n".join(self._lines)) if self._lines else None
        failed, sent = self._failed, self._sent
        self._failed, self._sent = False, None
        if failed and sent is not None:
            raise EventError(sent.decode(errors="replace"))
        return found

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"event":
            self._failed = value.strip() == b"error"
        elif name not in {b"", b"data", b"id", b"retry"} and not self._begun:
            self._other.append(line)

    def _data(self, text: bytes) -> dict[str, Any] | None:
        if self._lines:
            self._lines.append(text)
            return None
        if text == b"[DONE]":
            if self._failed:
                raise EventError((self._sent or b"").decode(errors="replace"))
            return {DONE: True} if self._begun else None
        if text in (b"", b"null"):
            self._sent = self._sent or b""
            return None
        self._sent = text
        try:
            data = _json(text)
        except MalformedError:
            self._lines.append(text)  # more of it may follow
            return None
        return self._said(data)

    def _event(self, text: bytes) -> dict[str, Any] | None:
        self._lines = []
        try:
            data = _json(text)
        except MalformedError:
            if self._failed:
                raise EventError(text.decode(errors="replace")) from None
            raise
        return self._said(data)

    def _said(self, data: Any) -> dict[str, Any] | None:
        if self._failed and data:
            raise EventError(_words(data))
        if data is None:
            return None
        if not isinstance(data, dict):
            raise MalformedError(f"an event is a {type(data).__name__}")
        if said := _error_in(data):
            raise EventError(said)
        self._begun = True
        return data


def _json(text: bytes) -> Any:
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"invalid JSON: {type(error).__name__}") from error


def _error_in(data: Mapping[str, Any]) -> str | None:
    """Return the message of an error sent instead of an answer, or None if there is none."""
    if error := data.get("error"):
        return _words(error)
    if data.get("choices") is not None or any(data.get(name) is not None for name in _OF_OTHERS):
        return None
    said = data.get("detail") or (isinstance(message := data.get("message"), str) and message)
    return _words(data) if said or data.get("object") == "error" else None


_OF_OTHERS = ("data", "results")
"""What successful responses have if not ``choices``; a message beside it isn't an error."""


def _words(error: Any) -> str:
    try:
        return error if isinstance(error, str) else json.dumps(error)
    except RecursionError as deep:
        raise MalformedError("an error is nested too deeply") from deep
