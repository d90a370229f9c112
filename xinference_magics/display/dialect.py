"""What the Markdown of models has beyond CommonMark, and how its blocks are written as HTML.

Bare links, task lists, marks of footnotes, and of HTML the tags `br`, `sub`, `sup` and `kbd`.
Everything here looks at one block only, so that a text rendered block by block is the same.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

_TAG = re.compile(r"<(?:(?P<br>br)[ \t]*/?|(?P<closes>/)?(?P<name>sub|sup|kbd))>", re.IGNORECASE)
_MAX_DEPTH = 8
"""Tags within each other up to which they are markup."""

_FOOTNOTE = re.compile(r"\[\^([\w-]{1,20})\]")
_TASK = re.compile(r"\[([ xX])\][ \t]+(?=\S)")
_BOX = '<span role="img" aria-label="{}" style="margin:0 0.4em 0 -1.4em">{}</span>'
_BOXES = {
    " ": _BOX.format("to do", "\N{BALLOT BOX}"),
    "x": _BOX.format("done", "\N{BALLOT BOX WITH CHECK}"),
}

_ADDRESS = re.compile(
    r"(?<![\w@/:.-])(?:(?:https?://|www\.)[^\s<>]{1,2000}"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})",
    re.IGNORECASE,
)
_AFTER_ADDRESS = ".,:;?!*_~'\"`|"

_PIXELS = {"h1": 18, "h2": 16, "h3": 15}
_HEADING = "font-size:{}px;font-weight:bold;line-height:1.4;margin:16px 0 8px 0"

_SCROLLED = "overflow-x:auto;max-width:100%;margin:8px 0"
_TABLE = "border-collapse:collapse;margin:0;overflow-wrap:normal"
_CELLS = frozenset({"th_open", "td_open"})

_CONTAINERS = frozenset({"bullet_list_open", "ordered_list_open", "blockquote_open", "table_open"})
_LEAVES = frozenset({"paragraph_open", "heading_open", "th_open", "td_open"})
_FIRST_PART = frozenset({"list_item_close", "blockquote_close", "thead_close"})
_LOOKED_AT = 200
"""Characters of a block by which the direction of its writing is found."""


def dialect_plugin(markdown: MarkdownIt) -> None:
    """Read what models write beyond CommonMark, and write blocks as notebooks need them."""
    markdown.options["breaks"] = True
    markdown.enable(["table", "strikethrough"])
    markdown.inline.ruler.before("autolink", "tag", _tag)
    markdown.inline.ruler.after("image", "footnote", _footnote)
    markdown.core.ruler.before("inline", "shapes", _shape)
    markdown.core.ruler.before("text_join", "balanced_tags", _balance)
    markdown.core.ruler.after("text_join", "bare_links", _link)
    for kind, render in _RULES.items():
        markdown.add_render_rule(kind, render)


def _tag(state: StateInline, silent: bool) -> bool:
    """Parse one of the few tags, without attributes."""
    match = _TAG.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        token = state.push("tag", "br" if match["br"] else match["name"].lower(), 0)
        token.content, token.meta = match[0], {"closes": bool(match["closes"])}
    state.pos = match.end()
    return True


def _footnote(state: StateInline, silent: bool) -> bool:
    """Parse the mark of a footnote; its text stays where it is."""
    match = _FOOTNOTE.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.push("footnote", "sup", 0).content = match[1]
    state.pos = match.end()
    return True


def _balance(state: StateCore) -> None:
    """Show tags that do not match, or overlap with other markup, as text."""
    for block in state.tokens:
        pending: list[Token] = []
        for token in block.children or ():
            if token.type == "tag" and token.tag != "br":
                _match_tag(token, pending)
            elif token.nesting == 1:
                pending.append(token)
            elif token.nesting == -1:
                while pending and pending[-1].type == "tag":
                    pending.pop().type = "text"
                del pending[-1:]
        for token in pending:
            token.type = "text" if token.type == "tag" else token.type


def _match_tag(token: Token, pending: list[Token]) -> None:
    if not token.meta["closes"]:
        deep = len(pending) >= _MAX_DEPTH
        token.type = "text" if deep else "tag"
        pending += [] if deep else [token]
    elif pending and (pending[-1].type, pending[-1].tag) == ("tag", token.tag):
        pending.pop()
    else:
        token.type = "text"


def _link(state: StateCore) -> None:
    """Make links of bare addresses."""
    for block in state.tokens:
        if block.children and _ADDRESS.search(block.content):
            block.children = list(_linked(state.md, block.children))


def _linked(markdown: MarkdownIt, tokens: Sequence[Token]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += token.nesting if token.type in {"link_open", "link_close"} else 0
        if token.type == "text" and not depth:
            yield from _split(markdown, token)
        else:
            yield token


def _split(markdown: MarkdownIt, token: Token) -> Iterator[Token]:
    text, done = token.content, 0
    for match in _ADDRESS.finditer(text):
        address = _trimmed(match[0])
        url = markdown.normalizeLink(_with_scheme(address))
        if not markdown.validateLink(url):
            continue
        yield _made("text", text[done : match.start()])
        yield _made("link_open", "", tag="a", nesting=1, attrs={"href": url})
        yield _made("text", address)
        yield _made("link_close", "", tag="a", nesting=-1)
        done = match.start() + len(address)
    yield _made("text", text[done:])


def _made(kind: str, content: str, *, tag: str = "", nesting: Any = 0, **fields: Any) -> Token:
    from markdown_it.token import Token

    return Token(kind, tag, nesting, content=content, **fields)


def _trimmed(address: str) -> str:
    """Leave out the punctuation after an address, and parentheses that it does not open."""
    surplus = address.count(")") - address.count("(")
    end = len(address)
    while end:
        last = address[end - 1]
        if last == ")" and surplus > 0:
            surplus -= 1
        elif last not in _AFTER_ADDRESS:
            break
        end -= 1
    return address[:end]


def _with_scheme(address: str) -> str:
    if "://" in address:
        return address
    return f"http://{address}" if address[:4].lower() == "www." else f"mailto:{address}"


def _shape(state: StateCore) -> None:
    """Give blocks what the HTML needs to know of the text in them."""
    for place, token in enumerate(state.tokens):
        if token.type in _CONTAINERS:
            if _is_right_to_left(_first_text(state.tokens, place)):
                token.attrSet("dir", "rtl")
        elif token.type in _LEAVES:
            token.attrSet("dir", "auto")
            _align(token, state.tokens[place + 1].content)
        if token.type == "list_item_open":
            _read_task(token, state.tokens[place + 1 : place + 3])
        elif token.type in {"heading_open", "heading_close"}:
            _quieten(token)


def _quieten(heading: Token) -> None:
    """Write a heading as a line that is not in the outline of the notebook."""
    level, heading.tag = heading.tag, "div"
    if heading.nesting == 1:
        heading.attrSet("role", "heading")
        heading.attrSet("aria-level", level[1:])
        side = f";{heading.attrGet('style')}" if heading.attrGet("style") else ""
        heading.attrSet("style", _HEADING.format(_PIXELS.get(level, 14)) + side)


def _read_task(item: Token, following: Sequence[Token]) -> None:
    """Take the mark of a task away from the text of an item."""
    if [each.type for each in following] != ["paragraph_open", "inline"]:
        return
    paragraph, inline = following
    if match := _TASK.match(inline.content):
        inline.content = inline.content[match.end() :]
        paragraph.meta["task"] = match[1].lower()
        item.attrSet("style", "list-style-type:none")


def _align(leaf: Token, text: str) -> None:
    """Align a block where its writing begins: JupyterLab aligns by what the block is."""
    is_rtl = _is_right_to_left(text)
    if (is_rtl or leaf.type in _CELLS) and not leaf.attrGet("style"):
        leaf.attrSet("style", f"text-align:{'right' if is_rtl else 'left'}")


def _first_text(tokens: Sequence[Token], start: int) -> str:
    """Return the first text in the first part of a container, or an empty string."""
    for place in range(start + 1, len(tokens)):  # a slice would be a copy of the whole text
        token = tokens[place]
        if token.type in _FIRST_PART:
            return ""
        if token.type == "inline" and token.content:
            return token.content
    return ""


def _is_right_to_left(text: str) -> bool:
    for character in text[:_LOOKED_AT]:
        direction = unicodedata.bidirectional(character)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def _render_tag(_r: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    token = tokens[index]
    return f"<{'/' if token.meta['closes'] else ''}{token.tag}>"


def _render_footnote(_r: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    return f"<sup>{tokens[index].content}</sup>"  # letters, digits, - and _ only


def _render_item(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Let the text of an item that is no paragraph choose its own direction."""
    item, is_tight = tokens[index], index + 1 < len(tokens) and tokens[index + 1].hidden
    item.attrs.pop("dir", None)
    if is_tight:
        item.attrSet("dir", "auto")
    return renderer.renderToken(tokens, index, options, env)


def _render_paragraph(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    task = tokens[index].meta.get("task", "")
    return renderer.renderToken(tokens, index, options, env) + _BOXES.get(task, "")


def _render_table(_r: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    direction = ' dir="rtl"' if tokens[index].attrGet("dir") else ""
    table = f'<table{direction} cellpadding="5" rules="rows" style="{_TABLE}">'
    return f'<div tabindex="0" style="{_SCROLLED}">{table}\n'


def _render_table_end(*_: object) -> str:
    return "</table></div>\n"


_RULES: dict[str, Any] = {
    "tag": _render_tag,
    "footnote": _render_footnote,
    "list_item_open": _render_item,
    "paragraph_open": _render_paragraph,
    "table_open": _render_table,
    "table_close": _render_table_end,
}
