"""The frame of everything that we show in a page: the same left edge, and no formulas."""

from __future__ import annotations

from html import escape

IGNORED_BY_MATHJAX = "tex2jax_ignore mathjax_ignore"
"""Classes that make MathJax skip an element, as escaped HTML can still be LaTeX."""

EDGE_PIXELS = 8
"""Left padding, by which our output begins where JupyterLab's text output does."""

_SMALL = "font-size:12px;line-height:24px"
_FOLDED = "border-left:2px solid rgba(128,128,128,0.4);margin:0 0 8px 0;padding:0 0 0 12px"


def framed(html: str, style: str = "") -> str:
    """Return safe HTML as an output of its own."""
    more = f";{style}" if style else ""
    return (
        f'<div class="{IGNORED_BY_MATHJAX}" style="padding-left:{EDGE_PIXELS}px{more}">{html}</div>'
    )


def fold(title: str, body: str, style: str = _SMALL) -> str:
    """Return a closed fold; `title` and `body` must be safe HTML."""
    summary = f'<summary style="{style};cursor:pointer">{title}</summary>'
    return f'<details>{summary}<div style="{_FOLDED}">{body}</div></details>'


def quiet(text: str) -> str:
    """Return a line of text in a quiet style."""
    return f'<div style="{_SMALL};opacity:0.75">{escape(text)}</div>'
