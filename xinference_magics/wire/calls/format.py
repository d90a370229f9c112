"""What defines a way of writing tool calls: the columns of the table in `formats`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xinference_magics.wire.calls.bodies import Body

NAME = "{name}"
"""Stands for a tool's name at the start of a call."""

MAX_MARGIN_CHARS = 4_000
"""Characters of whitespace to hold back because a tag may follow; more are passed on."""

FENCE = "```"
TILDES = "~~~"
FENCES = (FENCE, TILDES)
LANGUAGES = (
    *("", "json", "JSON", "jsonc", "json5", "jsonl", "xml"),
    *("tool_call", "tool_calls", "tool", "text", "plaintext"),
)
"""What may follow the characters of a fence around calls."""


@dataclass(frozen=True)
class Format:
    """A way of writing calls.

    Args:
        name: The models that use it.
        body: The reader for the calls.
        sample: A call to get_weather with the city Paris and 2 days.
        opens: What precedes all calls.
        ends: What may follow all calls; a text that ends without it is still complete, unless it
            was cut off.
        starts: How the first call begins, if nothing precedes all calls.
        block: Whether nothing marks it, so that it has to be a block of its own, outside other
            code, with arguments that fit the tool.
        languages: What a fence around it may name.
    """

    name: str
    body: Body
    sample: str
    opens: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    block: bool = False
    languages: tuple[str, ...] = LANGUAGES
