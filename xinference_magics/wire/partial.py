"""Detect an answer that should be JSON but was cut off."""

from __future__ import annotations

import json
import re

_FENCE = re.compile(r"```[a-zA-Z]*\n?")
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)


def is_cut(text: str, finish_reason: str | None) -> bool:
    """Return whether `text` is JSON that was cut off.

    If the answer did not end by itself, it must be valid JSON to be complete: a grammar may allow
    whitespace up to the limit. A number has no end mark, so whitespace must follow it, or the 12
    could have become 120. If the answer ended by itself, only its brackets must be closed.

    Args:
        text: The answer.
        finish_reason: The server's finish reason.
    """
    ended = finish_reason in ("stop", "tool_calls", None)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return not ended or _is_open(text)
    return not ended and text[-1:].isdigit()


def _is_open(text: str) -> bool:
    """Return whether a bracket or string is still open at the end, from the first bracket on."""
    if fence := _FENCE.search(text):
        text = text[fence.end() :]
    start = min((place for each in "{[" if (place := text.find(each)) >= 0), default=len(text))
    depth = 0
    for mark in _MARKS.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark[0], 0)
        if mark[0] == '"':  # an unclosed string
            return True
        if depth == 0 and mark[0] in "}]":
            return False
    return depth > 0
