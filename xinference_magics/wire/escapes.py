r"""Characters that JSON encodes as two escapes, such as ``\ud83d\ude00``, across pieces of text."""

from __future__ import annotations

import re

from xinference_magics.wire.shapes import Characters

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
