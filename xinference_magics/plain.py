"""Make untrusted text safe for terminals, messages and command lines."""

from __future__ import annotations

import re

LINE_CHARS = 400
"""Characters of somebody else's text that still fit into a message of one line."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def neutralise(text: str) -> str:
    """Make control characters visible, so that text cannot control the terminal.

    Newlines and tabs stay. Carriage returns are removed: they could only overwrite printed text.
    """
    return _CONTROL.sub(_visible, printable(text))


def printable(text: str) -> str:
    """Replace lone surrogates, which no message or file can carry."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shortened(text: str, max_chars: int = LINE_CHARS) -> str:
    """Return `text` with at most `max_chars` characters; the last is an ellipsis if it was cut."""
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"


def as_word(uid: str) -> str:
    """Return a UID as typed on a command line, quoted if necessary.

    If it would be read as an expression there, it becomes an expression for the same text.
    """
    if re.fullmatch(r"[\w.:@+%-]+", uid):
        return uid
    if re.search(r"[${}]", uid) or {"'", '"'} <= {*uid}:
        return f"{{{{{uid!r}}}}}"
    return f"'{uid}'" if '"' in uid else f'"{uid}"'


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\r":
        return ""
    if character < " ":
        return chr(0x2400 + ord(character))  # U+2400 to U+241F depict the first 32 characters
    return "\N{SYMBOL FOR DELETE}" if character == "\x7f" else "\N{REPLACEMENT CHARACTER}"
