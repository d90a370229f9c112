"""Whether an answer that should be JSON came to its end."""

from __future__ import annotations

import json
import re

_FENCE = re.compile(r"```[a-zA-Z]*\n?")
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)


def is_cut(text: str, finish_reason: str | None) -> bool:
    """Tell whether `text` is JSON that was not written to its end.

    An answer that was not left to end by itself has to be JSON as it is; a grammar may be followed
    by white space up to the limit. Of any other, only the brackets have to be closed.

    Args:
        text: The answer.
        finish_reason: As the server gave it.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return finish_reason not in ("stop", "tool_calls", None) or _is_open(text)
    return False


def _is_open(text: str) -> bool:
    """Tell whether a bracket or a text is open at the end, from the first bracket on."""
    if fence := _FENCE.search(text):
        text = text[fence.end() :]
    start = min((place for each in "{[" if (place := text.find(each)) >= 0), default=len(text))
    depth = 0
    for mark in _MARKS.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark[0], 0)
        if mark[0] == '"':  # none closes it
            return True
        if depth == 0 and mark[0] in "}]":
            return False
    return depth > 0
