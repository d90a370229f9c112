"""Render Markdown while it grows: each block as soon as it is complete, the rest as text.

A block is rendered once. Items of a list and rows of a table join their block one by one; a list
that becomes loose, and text whose link is defined only later, are rendered again. The HTML of a
finished text is that of `markdown.to_html`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from xinference_magics.display.blocks import (
    Node,
    end_of_code,
    has_open_formula,
    is_of_item,
    nodes_of,
)
from xinference_magics.display.markdown import MAX_RENDERED_CHARS, renderer
from xinference_magics.plain import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

_COMPLETE = ("heading_open", "hr", "math_block", "math_environment")
"""Blocks that are complete with their last line, whatever follows."""
_ENDED_BY_BLANK_LINE = ("paragraph_open", "blockquote_open", "table_open")

_LINE = re.compile(r"[^\n]*\n|[^\n]+")

_SMALL_CHARS = 4_000
"""Open text up to which each line is examined; a longer one has to grow by a sixteenth."""
_MAX_LOOKED_BACK = 20
"""Items that are examined again if those that follow have no text."""
_MAX_RENDERED_AGAIN = 8
"""How often definitions of links may make everything before them be rendered again."""


@dataclass(frozen=True)
class Change:
    """A change to what a page shows.

    Attributes:
        keep: The number of blocks that stay; those after them go.
        into: HTML to append inside the last block that stays: items or rows.
        blocks: The HTML of new blocks.
        rest: The text after the blocks; it replaces the one shown so far.
        language: The language of the code block that `rest` is part of; None if it isn't code.
    """

    keep: int
    into: str
    blocks: list[str]
    rest: str
    language: str | None


@dataclass
class _Block:
    """A complete block.

    Attributes:
        text: Its text.
        html: Its HTML.
    """

    text: str
    html: str


@dataclass
class _Container:
    """A list or a table, which may get further items or rows.

    Attributes:
        head: The lines put before the text of further rows to parse them; empty for a list.
        opening: The HTML before its children.
        closing: The HTML after its children.
        is_loose: Whether the items of a list are paragraphs.
        texts: The texts of its children.
        children: The HTML of its children.
    """

    head: str
    opening: str
    closing: str
    is_loose: bool
    texts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.head + "".join(self.texts)

    @property
    def html(self) -> str:
        return "".join([self.opening, *self.children, self.closing])


class GrowingMarkdown:
    """Markdown that grows: the HTML of its complete blocks, and the text after them.

    Args:
        is_plain: Whether the text isn't Markdown, so that all of it is `rest`.

    Attributes:
        rest: The text after the blocks, as it is to be shown.
        language: The language of the code block that `rest` is part of; None if it isn't code.
    """

    def __init__(self, *, is_plain: bool = False) -> None:
        self._is_plain = is_plain
        self.rest = ""
        self.language: str | None = None
        self._blocks: list[_Block | _Container] = []
        self._container: _Container | None = None  # the last block, if it may still grow
        self._open = ""  # the text after the blocks, or the part of it in no child of the last one
        self._seen = 0  # characters of it that were examined
        self._chars = 0  # of the whole text
        self._fence: re.Pattern[str] | None = None  # what ends the code block that is open
        self._held = ""
        self._env: dict[str, Any] = {"references": {}}
        self._rendered_again = 0

    @property
    def blocks(self) -> list[str]:
        """The HTML of the blocks so far."""
        return [each.html for each in self._blocks]

    def append(self, text: str) -> Change | None:
        """Add text; return what changes, or None if the text only joins `rest`."""
        text = self._held + printable(text).replace("\0", "\N{REPLACEMENT CHARACTER}")
        self._held = "\r" if text.endswith("\r") else ""  # it may be half of a line's end
        self._add(text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n"))
        end = self._open.rfind("\n") + 1
        return self._advance(end) if self._is_worth(end) else None

    def finish(self) -> Change | None:
        """Render all that is left, as no more text comes."""
        self._add("\n" if self._held else "")
        self._held = ""
        if self._is_plain or not self._open or self._chars > MAX_RENDERED_CHARS:
            return None
        return self._advance(len(self._open), is_end=True)

    def _add(self, text: str) -> None:
        self._open += text
        self.rest += text
        self._chars += len(text)

    def _is_worth(self, end: int) -> bool:
        """Whether the lines up to `end` may complete a block."""
        if self._is_plain or end <= self._seen or self._chars > MAX_RENDERED_CHARS:
            return False
        if self._fence is not None:
            return self._fence.search(self._open, self._seen, end) is not None
        return end < _SMALL_CHARS or end - self._seen > end // 16

    def _advance(self, end: int, *, is_end: bool = False) -> Change | None:
        """Render what is complete in the first `end` characters of the open text."""
        before, language = len(self._blocks), self.language
        lines = _LINE.findall(self._open[:end])
        known = len(self._env["references"])
        changed, into, line = before, "", 0
        if container := self._container:
            was_loose = container.is_loose
            line, into = self._take_children(container, lines, is_end=is_end)
            if container.is_loose != was_loose:
                changed, into = before - 1, ""
        if self._container is None:
            line = self._take_blocks(lines, line, is_end=is_end)
        if len(self._env["references"]) > known:
            changed = self._render_again(changed)
            into = "" if changed < before else into
        self._open = "".join(lines[line:]) + self._open[end:]
        self._seen = end - sum(map(len, lines[:line]))
        self.rest = self._open.lstrip("\n") if self._fence is None else self._code()
        if not (into or line or changed < before) and self.language == language:
            return None
        return Change(changed, into, self.blocks[changed:], self.rest, self.language)

    def _take_children(
        self, container: _Container, lines: list[str], *, is_end: bool
    ) -> tuple[int, str]:
        """Render the children of the last block that are complete.

        Returns:
            The number of lines taken, and the HTML of the children.
        """
        head = container.head.count("\n")
        nodes = self._blocks_of(container.head + "".join(lines))
        if not nodes or bool(head) != (nodes[0].kind == "table_open"):  # too large a table
            self._container = None
            return 0, ""
        node, children = nodes[0], nodes[0].children
        ended = is_end or len(nodes) > 1 or (head > 0 and node.last - head < len(lines))
        end = node.last - head if ended or head else children[-1].first
        if not is_end and has_open_formula("".join(lines[:end]), "".join(lines)):
            return 0, ""
        if ended:
            self._container = None
        is_loose = node.is_loose
        if is_loose is None and not head:  # whether it is depends on the items before
            before = "".join(container.texts[-_MAX_LOOKED_BACK:])
            is_loose = self._blocks_of(before + "".join(lines))[0].is_loose
        if is_loose and not container.is_loose:
            container.is_loose = True
            container.children = self._all_children_of(container)
        made = self._children_of(container, "".join(lines[:end])) if end else []
        container.texts += _texts_of(children, lines, end, head)
        container.children += made
        return end, "".join(made)

    def _take_blocks(self, lines: list[str], line: int, *, is_end: bool) -> int:
        """Render the blocks that are complete from a line on; return the line after them."""
        lines = lines[line:]
        nodes = self._blocks_of("".join(lines))
        self._fence, self.language = None, None
        count = 0
        while count < len(nodes) and (is_end or self._is_complete(nodes, count, lines)):
            count += 1
        if is_end:
            end = len(lines)
        elif count == len(nodes):
            end = nodes[-1].last if nodes else 0
        else:
            blank = not "".join(lines[: nodes[0].first]).strip()
            end = nodes[count].first if count or blank else 0
        text = "".join(lines[:end])
        for node in self._parsed(text) if count or is_end else ():
            part = "".join(lines[node.first : node.last])
            self._blocks.append(_Block(part, self._html(node.tokens)))
        if count == len(nodes) - 1 and end == nodes[count].first:
            end = self._begin(nodes[count], lines)
        return line + end

    def _is_complete(self, nodes: list[Node], number: int, lines: list[str]) -> bool:
        """Whether no further line can change a block."""
        node = nodes[number]
        is_last = number == len(nodes) - 1
        if node.kind == "fence":
            return not is_last or self._closes(node, lines)
        if has_open_formula("".join(lines[node.first : node.last]), "".join(lines[node.first :])):
            return False
        ended = node.kind in _ENDED_BY_BLANK_LINE and node.last < len(lines)
        return not is_last or ended or node.kind in _COMPLETE

    def _closes(self, node: Node, lines: list[str]) -> bool:
        """Whether a code block ends with its last line."""
        last = lines[node.last - 1]
        return node.last - node.first > 1 and end_of_code(node.tokens[0]).match(last) is not None

    def _begin(self, node: Node, lines: list[str]) -> int:
        """Begin the last block: a code block, or a list or table with its first children.

        Returns:
            The line after what is rendered of it.
        """
        if node.kind == "fence":
            self._fence = end_of_code(node.tokens[0])
            self.language = node.tokens[0].info.strip().partition(" ")[0]
            return node.first
        children = node.children
        is_table = node.kind == "table_open"
        if len(children) < (1 if is_table else 2) or not (is_table or node.is_loose is not None):
            return node.first
        end = node.last if is_table else children[-1].first
        text = "".join(lines[node.first : end])
        if has_open_formula(text, "".join(lines[node.first :])):
            return node.first
        [parsed] = self._parsed(text)
        opening, closing = parsed.wrapped()
        container = _Container(
            head="".join(lines[node.first : node.first + 2]) if is_table else "",
            opening=self._html(opening),
            closing=self._html(closing),
            is_loose=bool(node.is_loose),
        )
        container.texts = _texts_of(children, lines, end)
        container.children = [self._item(container, each) for each in parsed.children]
        self._container = container
        self._blocks.append(container)
        return end

    def _render_again(self, changed: int) -> int:
        """Render the blocks again that a new definition may change; return the first that did."""
        if self._rendered_again == _MAX_RENDERED_AGAIN:
            return changed
        self._rendered_again += 1
        env, self._env = self._env, {"references": self._env["references"]}
        for number, block in enumerate(self._blocks):
            if "[" not in block.text:
                continue
            was = block.html
            if isinstance(block, _Container):
                block.children = self._all_children_of(block)
            else:
                block.html = "".join(self._html(each.tokens) for each in self._parsed(block.text))
            if block.html != was:
                changed = min(changed, number)
        self._env = env
        return changed

    def _children_of(self, container: _Container, text: str) -> list[str]:
        """Return the HTML of further children of a list or table."""
        cells = self._env.get("cells", 0)
        nodes = self._parsed(container.head + text)
        if container.head:
            columns = container.head.partition("\n")[0].count("|") + 1
            self._env["cells"] = max(cells, self._env.get("cells", 0) - 2 * columns)
        return [self._item(container, each) for node in nodes[:1] for each in node.children]

    def _all_children_of(self, container: _Container) -> list[str]:
        """Render the children of a list or table again."""
        return [html for text in container.texts for html in self._children_of(container, text)]

    def _item(self, container: _Container, node: Node) -> str:
        for token in node.tokens:
            if is_of_item(token):
                token.hidden = not container.is_loose
        return self._html(node.tokens)

    def _blocks_of(self, text: str) -> list[Node]:
        """Find the blocks of a text, without what is in their lines."""
        tokens: list[Token] = []
        env = {"references": {}, "cells": self._env.get("cells", 0)}
        markdown = renderer()
        markdown.block.parse(text, markdown, env, tokens)
        return nodes_of(tokens)

    def _parsed(self, text: str) -> list[Node]:
        """Parse a text that is complete."""
        self._env.pop("closing", None)
        return nodes_of(renderer().parse(text, self._env))

    def _html(self, tokens: Sequence[Token]) -> str:
        markdown = renderer()
        return str(markdown.renderer.render(tokens, markdown.options, self._env))

    def _code(self) -> str:
        """Return the content of the code block that is open."""
        return self._open.partition("\n")[2]


def _texts_of(children: Sequence[Node], lines: Sequence[str], end: int, head: int = 0) -> list[str]:
    """Return the texts of the children that begin before a line.

    Args:
        children: The children, whose lines are counted from `head` lines before the first.
        lines: The lines.
        end: The line that the last of these children ends before.
        head: The lines before the first.
    """
    firsts = [each.first - head for each in children if each.first - head < end]
    return ["".join(lines[begin:stop]) for begin, stop in pairwise([*firsts, end])]
