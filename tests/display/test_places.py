"""Hostile text anywhere in our output is never markup, for any HTML or Markdown renderer."""

import re

import pytest
from hostile import VECTORS
from hostile_places import IN_ANSWERS, PLACES, show
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markup import LINKS, audit, math_in

from xinference_magics.display.formats import answer_html
from xinference_magics.display.markdown import to_safe_markdown
from xinference_magics.display.math import is_safe

PIECES = st.sampled_from(
    [*VECTORS, *"\n \t`*_[]()<>!$\\|#-~&\"'", "```", "~~~", "\n\n", "> ", "- ", "$$", "    "]
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=10).map("".join)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
ANY_READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.mark.parametrize("place", PLACES)
def test_every_place_shows_text_and_no_markup(place):
    shown = show(place)
    "".join(shown.values()).encode()
    audit(shown["text/html"])
    assert all(map(is_safe, math_in(shown["text/html"])))
    outside = ("<p>", "mathjax_ignore")
    assert any(each in shown["text/html"] for each in outside)
    if "text/markdown" in shown:
        audit_markdown(shown["text/markdown"])
    assert not [each for each in shown["text/plain"] if each < " " and each not in "\n\t"]


def audit_markdown(text):
    """Assert that a renderer which allows HTML in Markdown finds none."""
    for token in ANY_READER.parse(text):
        assert token.type != "html_block", token.content
        for child in token.children or ():
            assert child.type not in {"html_inline", "image"}, child.content
            link = str(child.attrGet("href") or "")
            assert LINKS.match(link) or not SCHEME.match(link), link


@given(TEXTS, st.sampled_from(IN_ANSWERS))
def test_any_answer_in_any_format(text, form):
    audit(answer_html(text, form))


@given(TEXTS)
def test_any_safe_markdown_holds_no_html(text):
    audit_markdown(to_safe_markdown(text))
