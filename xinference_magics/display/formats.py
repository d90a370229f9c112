"""Render an answer as Markdown, text, JSON, HTML, math or code, always as safe HTML."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any

from xinference_magics.display.code import coloured, palette
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
_SHARED_COLOURS = re.compile(r"color-scheme", re.IGNORECASE)
"""What a page that has colours for dark and for light surroundings says."""

# JupyterLab has no style that tells a frame which theme is on, but a number that is 0 in its light
# themes and larger in its dark ones: there, the colours of the page are inverted.
_BOX = (
    "background-color:var(--jp-layout-color0,white);border:1px solid rgba(128,128,128,0.4);"
    "margin:4px 0"
)
_FRAME = "display:block;width:100%;border:none;resize:vertical;overflow:auto;height:{}px"
_IN_DARK = "min(1,var(--jp-shadow-base-lightness,0))"
_INVERTED = f";filter:invert({_IN_DARK}) hue-rotate(calc(180deg*{_IN_DARK}))"

_BREAK = re.compile(
    r"</?(?:p|div|h[1-6]|li|tr|br|hr|table|section|article|header|footer|form|button|input|label|pre"
    r"|blockquote|dt|dd|figure|svg|details|summary)\b[^<>]*>",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"<(style|script|head|title)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_MEASURED_CHARS = 5_000
_LINE_CHARS, _LINE_PIXELS, _HEADING_PIXELS = 90, 30, 30
_LEAST_PIXELS, _MOST_PIXELS = 64, 480
_HEADING = re.compile(r"<h[1-3]\b", re.IGNORECASE)

_TREE = (
    "font-family:var(--jp-code-font-family,monospace);font-size:13px;line-height:1.5;"
    "overflow-wrap:anywhere"
)
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
    style = f"{_TREE};{palette('property', 'string', 'number')}"
    return f'<div style="{style}">{printable(_Tree().shown(value))}</div>'


def as_page(text: str) -> str:
    """Render it as a page in a frame that runs nothing and fetches nothing."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    inert = _CONNECTING.sub("<not-", unfenced(text)[0])  # a tag unknown to browsers
    style = _FRAME.format(_height(inert)) + ("" if _SHARED_COLOURS.search(inert) else _INVERTED)
    frame = (
        f'<iframe sandbox="" title="The answer as a page" style="{style}" '
        f'srcdoc="{escape(policy + inert, quote=True)}"></iframe>'
    )
    return f'<div style="{_BOX}">{frame}</div>'


def _height(page: str) -> int:
    """Estimate how many pixels high a page is: nothing may run in it, so it cannot tell."""
    seen = _UNSEEN.sub("", page[:_MEASURED_CHARS])
    parts = (re.sub(r"<[^<>]*>", "", part).strip() for part in _BREAK.split(seen))
    lines = sum(1 + len(part) // _LINE_CHARS for part in parts if part)
    lines += max(len(page) - _MEASURED_CHARS, 0) // _LINE_CHARS
    pixels = _LINE_PIXELS * (lines + 1) + _HEADING_PIXELS * len(_HEADING.findall(seen))
    return min(max(pixels, _LEAST_PIXELS), _MOST_PIXELS)


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

    def shown(self, value: Any, depth: int = 0, key: str | None = None) -> str:
        self._left -= 1
        before = "" if key is None else f"{coloured(key, 'property')}: "
        if not isinstance(value, dict | list):
            kind = "string" if isinstance(value, str) else "number"
            return before + coloured(json.dumps(value, ensure_ascii=False), kind)
        if not value or depth > _MAX_LEVELS or self._left < 0:
            return before + escape(json.dumps(value, ensure_ascii=False))
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        shown = [self.shown(each, depth + 1, str(key)) for key, each in pairs]
        rows = "".join(f'<div style="padding-left:16px">{row}</div>' for row in shown)
        what = "{…}" if isinstance(value, dict) else "[…]"
        return f"<details open><summary>{before}{what} {len(value)}</summary>{rows}</details>"
