"""Render an answer as Markdown, text, JSON, HTML, math or code, always as safe HTML."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any

from xinference_magics.display.markdown import to_html
from xinference_magics.plain import printable

if TYPE_CHECKING:
    from collections.abc import Callable

_FENCE = re.compile(
    r"^(?P<fence>(?:`{3,20}(?!`))|(?:~{3,20}(?!~)))(?P<language>[^\n`]*)\n", re.MULTILINE
)
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; "
    "img-src data:"
)
# The policy stops these from fetching, but browsers still open connections for them in advance.
_CONNECTING = re.compile(
    r"<(?=(?:iframe|frame|frameset|fencedframe|portal|object|embed|link|meta|base)\b)",
    re.IGNORECASE,
)
_FRAME = "width:100%;height:400px;border:1px solid rgba(128,128,128,0.4);background:white"
_MAX_LEVELS = 40  # levels of JSON shown as a tree
_MAX_VALUES = 2_000  # JSON values shown as a tree


def answer_html(text: str, form: str) -> str:
    """Render an answer as `form`, or as text if it isn't in that format.

    Args:
        text: The answer.
        form: One of `FORMATS`.
    """
    return FORMATS.get(form, as_text)(printable(text))


def as_text(text: str) -> str:
    """Render it verbatim."""
    return f'<div style="white-space:pre-wrap;overflow-wrap:anywhere">{escape(text)}</div>'


def is_json(text: str) -> bool:
    """Return whether an answer can be shown as JSON."""
    try:
        json.loads(unfenced(text)[0])
    except (ValueError, RecursionError):
        return False
    return True


def as_json(text: str) -> str:
    """Render it as a collapsible tree, ignoring fences around it."""
    if not is_json(text):
        return as_text(text)
    value = json.loads(unfenced(text)[0])
    return f'<div style="font-family:monospace">{printable(_Tree().shown(value))}</div>'


def as_page(text: str) -> str:
    """Render it as a page in a frame that runs nothing and fetches nothing."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    inert = _CONNECTING.sub("<not-", unfenced(text)[0])  # a tag unknown to browsers
    page = escape(policy + inert, quote=True)
    return f'<iframe sandbox="" style="{_FRAME}" srcdoc="{page}"></iframe>'


def as_math(text: str) -> str:
    """Render it as a display formula."""
    formula = unfenced(text)[0].strip()
    for opening, closing in (("$$", "$$"), ("\\[", "\\]"), ("$", "$")):
        if formula.startswith(opening) and formula.endswith(closing):
            formula = formula[len(opening) : len(formula) - len(closing)].strip()
    return to_html(f"$$\n{formula}\n$$")


def as_code(text: str) -> str:
    """Render its code, highlighted."""
    code, language = unfenced(text)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", code) or [""]))
    return to_html(f"{fence}{language or 'python'}\n{code.rstrip()}\n{fence}")


def unfenced(text: str) -> tuple[str, str]:
    """Return the first fenced block of a text and its language, or all of it without one."""
    never_closed = set()
    for opening in _FENCE.finditer(text):
        fence, start = opening["fence"], opening.end()
        if fence in never_closed:
            continue
        closing = re.compile(rf"^{fence}[ \t]*$", re.MULTILINE).search(text, start)
        if closing is not None:
            return text[start : closing.start()], opening["language"].strip()
        never_closed.add(fence)
    return text.strip(), ""


FORMATS: dict[str, Callable[[str], str]] = {
    "markdown": to_html,
    "text": as_text,
    "json": as_json,
    "html": as_page,
    "math": as_math,
    "code": as_code,
}
"""The function that renders an answer, by the name of its format."""


class _Tree:
    """Renders a JSON value as nested folds, and whatever exceeds the limits as text."""

    def __init__(self) -> None:
        self._left = _MAX_VALUES

    def shown(self, value: Any, depth: int = 0) -> str:
        self._left -= 1
        if not isinstance(value, dict | list) or not value:
            return escape(json.dumps(value, ensure_ascii=False))
        if depth > _MAX_LEVELS or self._left < 0:
            return escape(json.dumps(value, ensure_ascii=False))
        return self._folded(value, depth)

    def _folded(self, value: Any, depth: int) -> str:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        shown = [f"{escape(str(key))}: {self.shown(each, depth + 1)}" for key, each in pairs]
        rows = "".join(f'<div style="padding-left:16px">{row}</div>' for row in shown)
        what = "{…}" if isinstance(value, dict) else "[…]"
        return f"<details open><summary>{what} {len(value)}</summary>{rows}</details>"
