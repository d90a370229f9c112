"""The blocks of a Markdown text as markdown-it's parser finds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xinference_magics.display.math import MAX_FORMULA_CHARS, MAX_FORMULA_LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

_LISTS = ("bullet_list_open", "ordered_list_open")

_FORMULA = re.compile(
    r"^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*[ \t>]*"
    r"(?P<opening>\$\$(?!.*\$\$)|\\\[|\\begin\{(?P<name>[a-z]+\*?)\})",
    re.MULTILINE,
)
"""The beginning of a formula of several lines, which is ordinary text until the formula ends."""


@dataclass(frozen=True)
class Node:
    """A block found by the parser: its tokens, and its lines `[first, last)`."""

    tokens: list[Token]
    first: int
    last: int

    @property
    def kind(self) -> str:
        """The type of its first token, such as `paragraph_open`."""
        return self.tokens[0].type

    @property
    def is_loose(self) -> bool | None:
        """Whether the items of this list are paragraphs; None if there is no text to tell by."""
        found = [each for each in self.tokens if is_of_item(each)]
        return any(not each.hidden for each in found) if found else None

    @property
    def children(self) -> list[Node]:
        """The items of a list, or the rows in the body of a table."""
        level, kind = (1, "list_item_open") if self.kind in _LISTS else (2, "tr_open")
        body = next((n for n, each in enumerate(self.tokens) if each.type == "tbody_open"), 0)
        found = nodes_of(self.tokens[body:], level)
        return [each for each in found if each.kind == kind] if body or level == 1 else []

    def wrapped(self) -> tuple[list[Token], list[Token]]:
        """Return the tokens before and after the children."""
        if self.kind in _LISTS:
            return self.tokens[:1], self.tokens[-1:]
        body = next(n for n, each in enumerate(self.tokens) if each.type == "tbody_open")
        return self.tokens[: body + 1], self.tokens[-2:]


def nodes_of(tokens: Sequence[Token], level: int = 0) -> list[Node]:
    """Return the blocks of a level, each with its tokens."""
    found, begun = [], 0
    for number, token in enumerate(tokens):
        if token.level != level:
            continue
        if token.nesting == 1:
            begun = number
            continue
        within = list(tokens[begun if token.nesting else number : number + 1])
        first, last = within[0].map or (0, 0)
        found.append(Node(within, first, last))
    return found


def is_of_item(token: Token) -> bool:
    """Return whether a token begins or ends a paragraph of an item, not of a list inside it."""
    return token.type in {"paragraph_open", "paragraph_close"} and token.level == 2  # noqa: PLR2004


def end_of_code(fence: Token) -> re.Pattern[str]:
    """Return what ends a code block."""
    mark = re.escape(fence.markup[0])
    return re.compile(rf"^ {{0,3}}{mark}{{{len(fence.markup)},}}[ \t]*$", re.MULTILINE)


def has_open_formula(text: str, following: str) -> bool:
    """Return whether a formula begins in `text` that has not ended in `following`.

    Args:
        text: The lines of a block.
        following: The same lines and all that follow.
    """
    for match in _FORMULA.finditer(text):
        after = following[match.end() :]
        if len(after) > MAX_FORMULA_CHARS or after.count("\n") > MAX_FORMULA_LINES:
            continue
        if match["name"]:
            ended = f"\\end{{{match['name']}}}" in after
        elif match["opening"] == "\\[":
            ended = "\\]" in after
        else:
            ended = re.search(r"\$\$[ \t]*$", after, re.MULTILINE) is not None
        if not ended:
            return True
    return False
