"""Tool calls in an answer that was constrained to the schema of a tool choice.

The text is JSON, ``{"name": "f", "arguments": {...}}`` or a list of such objects. It is converted
to the tool call deltas that a server would send, so that arguments arrive while they are generated.
If the engine dropped the schema and the answer has another form, it stays text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xinference_magics.wire.calls.candidate import Offered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_HEAD = re.compile(r'\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\{)')
_NAME = re.compile(r'\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")')
_BETWEEN = re.compile(r"[\s\[\],}]*")
_MAX_HELD_CHARS = 1000
"""The number of characters within which a call must begin."""

Piece = dict[str, Any]


class ForcedCalls:
    """Split pieces of an answer's text into (text, tool call deltas).

    Args:
        tools: The tools that the model may call, as OpenAI dicts. A call to any other is text.
            None allows every name.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]] | None = None) -> None:
        self._offered = None if tools is None else Offered(tools).schemas
        self._held = ""
        self._count = 0
        self._brackets: int | None = None  # open ones within arguments; None outside
        self._quoted = False
        self._escaped = False
        self._of_another_form = False

    def feed(self, piece: str) -> tuple[str, list[Piece]]:
        """Split a piece, holding back the start of a call until its name is known."""
        self._held += piece
        pieces: list[Piece] = []
        while not self._of_another_form and self._step(pieces):
            pass
        return self._released() if self._of_another_form else "", _merged(pieces)

    def end(self, *, cut: bool) -> tuple[str, list[Piece]]:
        """Return what is still held back.

        Args:
            cut: Whether the answer was cut off, so that a call that had only begun is incomplete;
                in a complete answer, it has another form and is text.
        """
        held = self._released()
        rest = held[self._beyond_separators(held) :]
        if self._brackets is not None or (self._count and not rest):
            return "", []
        if not cut or not rest.startswith("{") or _is_json(held):
            return held, []
        found = _NAME.match(rest)
        name = _unquoted(found[1]) if found else None
        return ("", [self._begun(name, rest)]) if self._may_be(name) else (held, [])

    def _step(self, pieces: list[Piece]) -> bool:
        if self._brackets is None:
            return self._begin(pieces)
        end = self._end_of_arguments()
        if taken := self._held[:end]:
            pieces.append({"index": self._count - 1, "function": {"arguments": taken}})
        self._held = self._held[end:] if end is not None else ""
        if end is not None:
            self._brackets = None
        return end is not None

    def _begin(self, pieces: list[Piece]) -> bool:
        start = self._beyond_separators(self._held)
        head = _HEAD.match(self._held, start)
        if head and self._may_be(_unquoted(head[1])):
            pieces.append(self._begun(_unquoted(head[1]), ""))
            self._held, self._brackets = self._held[head.end() :], 0
            return True
        if start == len(self._held):
            self._held = "" if self._count else self._held
        elif head or self._held[start] != "{":
            self._held = self._held[start:] if self._count else self._held
            self._of_another_form = True
        if len(self._held) > _MAX_HELD_CHARS:
            self._of_another_form = True
        return False

    def _may_be(self, name: str | None) -> bool:
        """Return whether a tool with this name may be called; None is one not known yet."""
        return self._offered is None or name is None or name in self._offered

    def _beyond_separators(self, text: str) -> int:
        found = _BETWEEN.match(text)
        return found.end() if found else 0

    def _begun(self, name: str | None, arguments: str) -> Piece:
        self._count += 1
        function = {"name": name, "arguments": arguments}
        return {"index": self._count - 1, "id": f"call_{uuid4()}", "function": function}

    def _end_of_arguments(self) -> int | None:
        """Return where the arguments end in the held text, or None if they continue."""
        brackets = self._brackets or 0
        for place, each in enumerate(self._held):
            if self._quoted:
                self._quoted = self._escaped or each != '"'
                self._escaped = each == "\\" and not self._escaped
            elif each == '"':
                self._quoted = True
            elif each in "{[":
                brackets += 1
            elif each in "}]":
                brackets -= 1
                if not brackets:
                    return place + 1
        self._brackets = brackets
        return None

    def _released(self) -> str:
        held, self._held = self._held, ""
        return held


def whole_calls(
    text: str, tools: Sequence[Mapping[str, Any]] | None = None, *, cut: bool
) -> tuple[str, list[Piece]]:
    """Return the text and the calls of a non-streamed answer; `tools` as in `ForcedCalls`."""
    reader = ForcedCalls(tools)
    before, pieces = reader.feed(text)
    after, rest = reader.end(cut=cut)
    return before + after, _merged(pieces + rest)


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Join the pieces of each call: langchain-core merges across messages, not within one."""
    calls: dict[int, Piece] = {}
    for piece in pieces:
        known = calls.setdefault(piece["index"], piece)
        if known is not piece:
            known["function"]["arguments"] += piece["function"]["arguments"]
    return list(calls.values())


def _unquoted(name: str) -> str:
    """Read a quoted name; some models escape its underscores as in Markdown."""
    try:
        return str(json.loads(name, strict=False))
    except ValueError:
        return name[1:-1].replace("\\", "")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
