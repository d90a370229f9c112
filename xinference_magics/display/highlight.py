"""Highlight source code in colours that are legible on both light and dark pages."""

from __future__ import annotations

from functools import cache
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pygments.token import _TokenType

MAX_HIGHLIGHTED = 20_000
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


def highlight(code: str, language: str) -> str:
    """Return source code as HTML, coloured if its language is known and it isn't too long."""
    name = language.lower()
    if name not in _LANGUAGES or len(code) > MAX_HIGHLIGHTED:
        return escape(code, quote=False)
    from pygments.lexers import get_lexer_by_name

    lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    styles = _styles()
    pieces = ((_style(kind, styles), text) for kind, text in lexer.get_tokens(code))
    return "".join(
        _span(style, "".join(text for _, text in group))
        for style, group in groupby(pieces, key=lambda piece: piece[0])
    )


def _span(style: str, text: str) -> str:
    written = escape(text, quote=False)
    return f'<span style="{style}">{written}</span>' if style else written


def _style(kind: _TokenType, styles: Mapping[_TokenType, str]) -> str:
    while kind not in styles and kind.parent is not None:
        kind = kind.parent
    return styles.get(kind, "")


@cache
def _styles() -> dict[_TokenType, str]:
    """Return styles whose colours have about the same contrast to white as to black."""
    from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, String

    purple, green, orange = "color:#9a5fd0", "color:#2e8b57", "color:#b5651d"
    blue, grey, red = "color:#3a7bd5", "color:#7d7d7d", "color:#d14949"
    return {
        Comment: f"{grey};font-style:italic",
        Keyword: purple,
        Keyword.Constant: orange,
        Operator.Word: purple,
        String: green,
        Number: orange,
        Literal: orange,
        Name.Builtin: blue,
        Name.Function: blue,
        Name.Class: blue,
        Name.Decorator: blue,
        Name.Namespace: blue,
        Name.Tag: purple,
        Name.Attribute: blue,
        Name.Exception: red,
        Generic.Deleted: red,
        Generic.Inserted: green,
        Generic.Heading: purple,
        Generic.Prompt: grey,
    }
