"""Convert untrusted Markdown to safe HTML, with highlighted code, and to safe Markdown.

Raw HTML becomes text, except for four tags without attributes; links lead only to web pages or
mail, images become links, and math that could do more than typeset is shown as code. Importing
this imports neither markdown-it nor Pygments.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from xinference_magics.display.code import code_block, language_of
from xinference_magics.display.frame import IGNORED_BY_MATHJAX
from xinference_magics.plain import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict


MAX_RENDERED_CHARS = 500_000
"""Longest text to render, in characters; a longer one is shown verbatim."""

# Limits on the work for one text; whatever exceeds them is shown verbatim.
_MAX_PARAGRAPH_CHARS = 20_000
_MAX_COLUMNS = 50
_MAX_CELLS = 8_000
_MAX_HIGHLIGHTED_TOTAL_CHARS = 50_000

_PLAIN = "white-space:pre-wrap;overflow-wrap:anywhere"

_SCHEME = re.compile(r"(?:https?:|mailto:)", re.IGNORECASE)


def to_html(text: str) -> str:
    """Render untrusted Markdown as HTML that runs nothing and fetches nothing.

    Code is highlighted, and math is left between dollars for MathJax. The time is linear in the
    length; whatever would take longer (huge paragraphs and tables) is shown verbatim.
    """
    text = printable(text)
    if len(text) > MAX_RENDERED_CHARS:
        body = f'<div style="{_PLAIN}">{escape(text)}</div>'
    else:
        body = renderer().render(text)
    return f'<div class="{IGNORED_BY_MATHJAX}" style="overflow-wrap:anywhere">{body}</div>'


@cache
def renderer() -> MarkdownIt:
    """Return the parser and renderer of answers."""
    from markdown_it import MarkdownIt

    from xinference_magics.display import math
    from xinference_magics.display.dialect import dialect_plugin

    markdown = MarkdownIt("commonmark", {"html": False}).use(dialect_plugin)
    markdown.validateLink = _is_safe_link  # type: ignore[method-assign]
    markdown.use(math.dollars_plugin)
    markdown.use(math.brackets_plugin)
    markdown.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    markdown.core.ruler.before("inline", "long_paragraphs", _leave_long_paragraphs)
    for kind, render in _RULES.items():
        markdown.add_render_rule(kind, render)
    for kind in ("math_inline", "math_inline_double", "math_block", "math_environment"):
        markdown.add_render_rule(kind, math.render)
    return markdown


def _is_safe_link(url: str) -> bool:
    return _SCHEME.match(url) is not None


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a table, within the limits on the columns and cells of one text."""
    from markdown_it.rules_block import table

    columns = state.src.count("|", state.bMarks[start], state.eMarks[start]) + 1
    cells_left = _MAX_CELLS - state.env.get("cells", 0)
    last = min(end, start + 2 + cells_left // columns)
    if columns > _MAX_COLUMNS or last < start + 2 or not table(state, start, last, silent):
        return False
    if not silent:
        state.env["cells"] = _MAX_CELLS - cells_left + columns * (state.line - start)
    return True


def _leave_long_paragraphs(state: Any) -> None:
    """Show paragraphs of tens of thousands of characters verbatim."""
    for token in state.tokens:
        if token.type == "inline" and len(token.content) > _MAX_PARAGRAPH_CHARS:
            token.type = "long_paragraph"


def _long_paragraph(_r: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    return f'<span style="{_PLAIN}">{escape(tokens[index].content)}</span>'


def _fence(
    _r: RendererHTML, tokens: Sequence[Token], index: int, _o: OptionsDict, env: dict[str, int]
) -> str:
    token = tokens[index]
    env["highlighted"] = env.get("highlighted", 0) + len(token.content)
    too_long = env["highlighted"] > _MAX_HIGHLIGHTED_TOTAL_CHARS
    return code_block(token.content, language_of(token.info), plain=too_long) + "\n"


def _link_open(_r: RendererHTML, tokens: Sequence[Token], index: int, *_: object) -> str:
    return _anchor(str(tokens[index].attrGet("href") or ""))


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Link to an image instead of fetching it."""
    token = tokens[index]
    url = str(token.attrGet("src") or "")
    text = escape(renderer.renderInlineAsText(token.children or [], options, env) or url)
    label = f"\N{FRAME WITH PICTURE} {text}"
    is_linked = index > 0 and tokens[index - 1].type == "link_open"
    return label if is_linked else f"{_anchor(url)}{label}</a>"


def _anchor(url: str) -> str:
    if not _is_safe_link(url):
        return "<a>"
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">'


_RULES: dict[str, Any] = {
    "long_paragraph": _long_paragraph,
    "fence": _fence,
    "code_block": _fence,
    "link_open": _link_open,
    "image": _image,
}


_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=[#A-Za-z])")
_DESTINATION = re.compile(r"(\](?:\(|:)\s*[A-Za-z][\w+.-]*\\?):", re.ASCII)
_WORD_SCHEME = re.compile(
    r"\b(javascript|vbscript|(?:data|file|blob)(?=\\?:\S))\\?:", re.IGNORECASE
)
_MARKUP = re.compile(r"[`~*_\[\]|$#]|^[-+>=]")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def to_safe_markdown(text: str) -> str:
    """Rewrite untrusted Markdown so that a viewer that renders the HTML in it runs nothing.

    Outside fenced code, HTML is escaped, images become text, and unsafe links and math commands
    are broken. Fenced code stays as it is, in fences that cannot be misread.
    """
    text = _INVISIBLE.sub("", printable(text))
    if len(text) > MAX_RENDERED_CHARS:
        return _defused(text)
    parts, done, lines = [], 0, text.split("\n")
    for token in _blocks().parse(text):
        if token.type == "fence" and token.level == 0 and token.map:
            start, end = token.map
            parts += [_defused("\n".join(lines[done:start])).rstrip("\n"), _fenced(token)]
            done = end
    parts.append(_defused("\n".join(lines[done:])).lstrip("\n"))
    return "\n\n".join(part for part in parts if part)


@cache
def _blocks() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("zero").enable(["fence", "blockquote", "list", "code"]).disable("inline")


def to_safe_line(text: str) -> str:
    """Rewrite untrusted text as a line of Markdown that contains no markup."""
    line = _defused(" ".join(_INVISIBLE.sub("", printable(text)).split()))
    return _MARKUP.sub(r"\\\g<0>", line)


def _fenced(token: Token) -> str:
    longest = max((len(run) for run in re.findall(r"`+", token.content)), default=0)
    fence = "`" * max(3, longest + 1)
    language = re.match(r"[\w+#.-]*", token.info.strip(), re.ASCII)
    end = "" if token.content.endswith("\n") or not token.content else "\n"
    return f"{fence}{language[0] if language else ''}\n{token.content}{end}{fence}"


def _defused(text: str) -> str:
    from xinference_magics.display import math

    text = _ENTITY.sub("&amp;", text)
    text = _TAG.sub("&lt;", text).replace("![", "&#33;\\[")
    text = _DESTINATION.sub(_checked_destination, text)
    text = _WORD_SCHEME.sub(r"\1%3A", text)
    return math.without_unsafe_commands(text)


def _checked_destination(match: re.Match[str]) -> str:
    scheme = match[1].rpartition("]")[2].lstrip("(: \t\n").lower()
    return match[0] if scheme in {"http", "https", "mailto"} else f"{match[1].rstrip(chr(92))}%3A"
