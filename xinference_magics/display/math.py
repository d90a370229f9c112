"""Recognize LaTeX in untrusted Markdown, and typeset it only if it is harmless.

MathJax runs with the page's privileges: some of its commands create links, set styles, load
extensions or change the meaning of later formulas on the page. HTML escaping does not stop them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

MAX_FORMULA_CHARS = 4_000
"""Longest formula to typeset, in characters."""

MAX_FORMULA_LINES = 100

_UNSAFE = frozenset(
    """
    href url style class cssid data require unicode html htmlclass htmldata htmlid htmlstyle
    bbox mmltoken enclose texttip mathtip tooltip toggle action img includegraphics
    def edef gdef xdef let futurelet newcommand renewcommand providecommand newenvironment
    renewenvironment declaremathoperator declarepaireddelimiter declarepaireddelimiters
    declarepaireddelimitersx declarepaireddelimitersxpp newtagform renewtagform usetagform
    newcolumntype definecolor csname endcsname catcode input include write openin openout read
    verbatiminput bverbatiminput lverbatiminput lstinputlisting inputminted subfile import
    subimport includepdf includesvg includeonly usepackage directlua shellescape
    special newextarrow mathtoolsset setoptions newcases renewcases newgathered renewgathered
    """.split()  # noqa: SIM905 - a list of words reads better as text
)

_OPENING = re.compile(
    r"\\\[|\\begin\{((?:equation|align|alignat|gather|multline|eqnarray|flalign|math|displaymath)\*?)\}"
)
_COMMAND = re.compile(r"(?<!\\)\\+([A-Za-z]+)")  # removing one backslash must not expose another


def is_safe(formula: str) -> bool:
    """Return whether a formula does nothing but typeset."""
    return _UNSAFE.isdisjoint(name.lower() for name in _COMMAND.findall(formula))


def without_unsafe_commands(text: str) -> str:
    r"""Remove the backslash from every command that does more than typeset."""
    return _COMMAND.sub(lambda match: match[1] if match[1].lower() in _UNSAFE else match[0], text)


def render(_r: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    """Write a formula for MathJax, or as code if MathJax must not see it."""
    token = tokens[index]
    formula, is_block = token.content.strip("\n"), token.block
    if len(formula) > MAX_FORMULA_CHARS or not is_safe(formula):
        return f"<p><code>{escape(formula)}</code></p>\n" if is_block else _code(formula)
    tag = "div" if is_block else "span"
    written = escape(_delimited(formula, token.type), quote=False)
    return f'<{tag} class="tex2jax_process mathjax_process">{written}</{tag}>'


def _code(formula: str) -> str:
    return f"<code>{escape(formula)}</code>"


def _delimited(formula: str, kind: str) -> str:
    if kind == "math_environment":
        return formula
    has_dollar = re.search(r"(?<!\\)\$", formula) is not None
    if kind == "math_inline":
        return f"\\({formula}\\)" if has_dollar else f"${formula}$"
    return f"\\[{formula}\\]" if has_dollar else f"$${formula}$$"


def dollars_plugin(markdown: MarkdownIt) -> None:
    """Parse ``$ … $`` and ``$$ … $$`` as math, unless the dollars could be money."""
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.dollarmath.index import math_block_dollar

    markdown.use(
        dollarmath_plugin,
        allow_labels=False,
        allow_space=False,
        allow_digits=False,
        double_inline=True,
    )
    read = math_block_dollar(allow_labels=False, allow_blank_lines=True)

    def within_limits(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        if not state.src.startswith("$$", state.bMarks[start] + state.tShift[start]):
            return False
        return read(state, start, min(end, _closed_after(state, start) + 1), silent)

    markdown.block.ruler.at("math_block", within_limits)


def _closed_after(state: StateBlock, start: int) -> int:
    """Return the next line that can close a formula beginning at `start`, or else `start`.

    Candidate lines are collected once: searching again from each opening that is never closed
    would take quadratic time.
    """
    if "closing" not in state.env:
        lines = enumerate(zip(state.bMarks, state.eMarks, strict=True))
        state.env["closing"] = [
            number for number, (begin, end) in lines if state.src[begin:end].rstrip().endswith("$$")
        ]
    closing: list[int] = state.env["closing"]
    place = bisect_right(closing, start)
    within = place < len(closing) and closing[place] < start + MAX_FORMULA_LINES
    return closing[place] if within else start


def brackets_plugin(markdown: MarkdownIt) -> None:
    r"""Parse ``\( … \)``, ``\[ … \]`` and bare environments as math, as chat models write it."""
    markdown.inline.ruler.before("escape", "math_brackets", _inline_rule)
    markdown.block.ruler.before(
        "lheading", "math_brackets", _block_rule, {"alt": ["paragraph", "blockquote", "list"]}
    )


def _inline_rule(state: StateInline, silent: bool) -> bool:
    opening = state.src[state.pos : state.pos + 2]
    if opening not in {"\\(", "\\["}:
        return False
    closing = "\\)" if opening == "\\(" else "\\]"
    start = state.pos + 2
    end = state.src.find(closing, start, start + MAX_FORMULA_CHARS)
    if end < 0 or end + 2 > state.posMax or not state.src[start:end].strip():
        return False
    if not silent:
        kind = "math_inline" if opening == "\\(" else "math_inline_double"
        state.push(kind, "math", 0).content = state.src[start:end]
    state.pos = end + 2
    return True


def _block_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    opening = _OPENING.match(state.src, state.bMarks[start] + state.tShift[start])
    if opening is None or state.is_code_block(start):
        return False
    closing = f"\\end{{{opening[1]}}}" if opening[1] else "\\]"
    formula_end = state.src.find(closing, opening.end(), opening.end() + MAX_FORMULA_CHARS)
    last = _line_ended_at(state, formula_end + len(closing), start, end)
    if formula_end < 0 or last is None:
        return False
    if not silent:
        kind = "math_environment" if opening[1] else "math_block"
        token = state.push(kind, "math", 0)
        written = state.getLines(start, last + 1, state.blkIndent, False).strip()
        token.content = written if opening[1] else written[2:-2]
        token.block, token.map = True, [start, last + 1]
        state.line = last + 1
    return True


def _line_ended_at(state: StateBlock, position: int, start: int, end: int) -> int | None:
    """Return the line in [`start`, `end`) that ends at `position`, except for trailing space."""
    for number in range(start, min(end, start + MAX_FORMULA_LINES)):
        if state.eMarks[number] >= position:
            is_last = not state.src[position : state.eMarks[number]].strip()
            return number if is_last else None
    return None
