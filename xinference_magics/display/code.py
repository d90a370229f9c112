"""Blocks of code as HTML, highlighted in the colours of the page that shows them."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pygments.token import _TokenType

MAX_HIGHLIGHTED_CHARS = 20_000
"""Longest code block to highlight, in characters."""

_LANGUAGES = frozenset(
    """
    bash bat batch c c++ cmake cpp cs csharp css cuda cypher dart diff docker dockerfile elixir
    erlang fortran go golang graphql groovy haskell html http ini java javascript jinja js json
    jsonc jsx julia kotlin latex lua make makefile markdown matlab md nginx objective-c ocaml
    perl php powershell proto protobuf ps1 py py3 pycon python python3 r rb rs ruby rust sass
    scala scheme scss sh shell sparql sql swift terraform tex toml ts tsx typescript vb vim xml
    yaml yml zig zsh
    """.split()  # noqa: SIM905 - a list of words reads better as text
)

# A border instead of a tint: the page's colours have enough contrast to its own background only.
_BLOCK = "border:1px solid rgba(128,128,128,0.4);border-radius:6px;margin:8px 0"
_LABEL = "font-size:11px;line-height:16px;padding:4px 12px 0;opacity:0.75;user-select:none"
_PRE = (
    "margin:0;padding:8px 12px;overflow:auto;white-space:pre;word-break:normal;"
    "overflow-wrap:normal;line-height:1.45;background-color:transparent;border:none"
)
_CODE = "background-color:transparent;padding:0;white-space:pre;word-break:normal"

_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")


def language_of(info: str) -> str:
    """Return the language that a fence names, or an empty string."""
    named = _LANGUAGE.fullmatch(info.strip().partition(" ")[0])
    return named[0] if named else ""


def code_block(code: str, language: str = "", *, plain: bool = False) -> str:
    """Render code as a box that scrolls on its own, below the name of its language.

    Args:
        code: The code.
        language: Its language; empty if unknown.
        plain: Whether not to highlight it.
    """
    shown, used = (escape(code, quote=False), []) if plain else _highlighted(code, language)
    colours = f";{palette(*used)}" if used else ""
    label = f'<div style="{_LABEL}">{escape(language)}</div>' if language else ""
    return (
        f'<div style="{_BLOCK}">{label}<pre dir="ltr" tabindex="0" style="{_PRE}">'
        f'<code style="{_CODE}{colours}">{shown}</code></pre></div>'
    )


def palette(*names: str) -> str:
    """Return the style of an element within which text has these colours (see `coloured`)."""
    return ";".join(f"--xm-{name}:{_COLOURS[name][1]}" for name in names)


def coloured(text: str, name: str) -> str:
    """Render text in one of the colours of code, which an element around it has to define.

    Args:
        text: The text.
        name: One of `keyword`, `string`, `number`, `name`, `builtin`, `property`, `comment`; if
            empty, the text has no colour of its own.
    """
    written = escape(text, quote=False)
    if not name or text.isspace():
        return written
    italic = ";font-style:italic" if name == "comment" else ""
    return (
        f'<span style="color:{_COLOURS[name][0]};color:var(--xm-{name}){italic}">{written}</span>'
    )


def _highlighted(code: str, language: str) -> tuple[str, list[str]]:
    """Return source code as HTML, and the names of the colours in it."""
    name = language.lower()
    if name not in _LANGUAGES or len(code) > MAX_HIGHLIGHTED_CHARS:
        return escape(code, quote=False), []
    from pygments.lexers import get_lexer_by_name

    lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    kinds = _kinds()
    pieces = ((_colour_of(kind, kinds), text) for kind, text in lexer.get_tokens(code))
    groups = [
        (colour, "".join(text for _, text in group))
        for colour, group in groupby(pieces, key=lambda piece: piece[0])
    ]
    return "".join(coloured(text, colour) for colour, text in groups), sorted(
        {each for each, _ in groups if each}
    )


def _colour_of(kind: _TokenType, kinds: Mapping[_TokenType, str]) -> str:
    while kind not in kinds and kind.parent is not None:
        kind = kind.parent
    return kinds.get(kind, "")


def _of_page(lab: str, vscode: str, fallback: str) -> tuple[str, str]:
    return fallback, f"var(--jp-{lab},var(--vscode-{vscode},{fallback}))"


_COLOURS = {
    "keyword": _of_page("mirror-editor-keyword-color", "debugTokenExpression-name", "#9558cf"),
    "string": _of_page("mirror-editor-string-color", "debugTokenExpression-string", "#b35f20"),
    "number": _of_page("mirror-editor-number-color", "debugTokenExpression-number", "#2c8553"),
    "name": _of_page("mirror-editor-def-color", "symbolIcon-functionForeground", "#2d75d2"),
    "builtin": _of_page("mirror-editor-builtin-color", "symbolIcon-classForeground", "#2d75d2"),
    "property": _of_page("mirror-editor-property-color", "debugTokenExpression-name", "#2d75d2"),
    # Lab's own colour of comments is too dark in its dark theme.
    "comment": _of_page("content-font-color2", "descriptionForeground", "#757575"),
}
"""Each colour: one with about the same contrast to white as to black, for pages that drop
variables; and that of the page, where it has one (of JupyterLab only those that have a contrast of
4.5 in both themes)."""


@cache
def _kinds() -> dict[_TokenType, str]:
    """Return the names of the colours of tokens."""
    from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, String

    return {
        Comment: "comment",
        Comment.Preproc: "keyword",
        Keyword: "keyword",
        Keyword.Constant: "number",
        Operator.Word: "keyword",
        String: "string",
        Number: "number",
        Literal: "number",
        Name.Builtin: "builtin",
        Name.Function: "name",
        Name.Class: "name",
        Name.Decorator: "name",
        Name.Namespace: "name",
        Name.Tag: "keyword",
        Name.Attribute: "property",
        Name.Exception: "builtin",
        Generic.Deleted: "string",
        Generic.Inserted: "number",
        Generic.Heading: "keyword",
        Generic.Prompt: "comment",
    }
