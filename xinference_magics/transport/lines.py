"""Read the lines of a streamed response as soon as they arrive, however long they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from requests import Response

_SIZE = 65536  # bytes to read at once, if that many have arrived


def lines(response: Response) -> Generator[bytes]:
    """Read the lines of `response`, and close it at the end.

    Its own `iter_lines` reads 512 bytes at a time and copies the partial line each time: 85 s for a
    line of 10 MB. If the server does not send in chunks, it also waits for 512 bytes to arrive.
    """
    begun: list[bytes] = []
    try:
        for piece in _pieces(response):
            *ends, rest = piece.split(b"\n")
            for end in ends:
                yield b"".join([*begun, end]) if begun else end
                begun.clear()
            if rest:
                begun.append(rest)
        yield b"".join(begun)
    finally:
        response.close()


def _pieces(response: Response) -> Iterator[bytes]:
    if response.raw.chunked:
        return response.iter_content(_SIZE)
    return iter(partial(response.raw.read1, _SIZE, decode_content=True), b"")
