"""Untrusted Markdown: intended markup is rendered, anything else stays text."""

import re

import pytest
from hostile import ANSWER, CORPUS, MATH
from hypothesis import given
from hypothesis import strategies as st
from markup import audit, math_in

from xinference_magics.display.code import MAX_HIGHLIGHTED_CHARS
from xinference_magics.display.markdown import (
    MAX_RENDERED_CHARS,
    to_html,
    to_safe_markdown,
)
from xinference_magics.display.math import is_safe


@pytest.mark.parametrize("piece", CORPUS)
def test_hostile_pieces_become_harmless_html(piece):
    audit(to_html(piece))
    audit(to_html(f"> - {piece}"))
    audit(to_html(f"| a |\n|---|\n| {piece} |"))


def test_hostile_pieces_together_become_harmless_html():
    audit(to_html(ANSWER))


@given(st.lists(st.sampled_from([*CORPUS, *"\n \t`*_[]()<>!$\\|#-~&\"'"]), max_size=12))
def test_hostile_pieces_in_any_order_become_harmless_html(pieces):
    text = "".join(pieces)
    html = to_html(text)
    audit(html)
    assert all(map(is_safe, math_in(html)))


@given(st.text(alphabet="a <>&\"'`*_[](){}$\\|#-~!:/\n\t\x00\ud800", max_size=80))
def test_any_text_becomes_harmless_html_and_markdown(text):
    audit(to_html(text))
    to_safe_markdown(text).encode()


@pytest.mark.parametrize("piece", MATH)
def test_math_that_does_more_than_typeset_is_shown_as_code(piece):
    html = to_html(piece)
    assert all(map(is_safe, math_in(html)))


def test_math_is_left_for_mathjax_only_where_intended():
    text = "$e^{i\\pi}$ and \\(a_1\\) and $$x < y$$ and\n\n\\[\nz\n\\]"
    assert math_in(to_html(text)) == [r"$e^{i\pi}$", "$a_1$", "$$x &lt; y$$", "$$z$$"]


def test_bare_environments_and_quoted_formulas_are_math():
    text = "> \\[\n> a\n> \\]\n\n\\begin{align*}\na &= b\n\\end{align*}\n"
    written = ["$$a$$", "\\begin{align*}\na &amp;= b\n\\end{align*}"]
    assert [each.strip() for each in math_in(to_html(text))] == written


@pytest.mark.parametrize("text", ["\\[ open", "\\begin{align} open", "\\begin{tikz}x\\end{tikz}"])
def test_unterminated_formulas_are_text(text):
    assert not math_in(to_html(text))


@pytest.mark.parametrize(
    "text", ["It costs $5.", "From $5 to $10.", "`$x$`", "```\n$x$\n```", "\\$x\\$", "US$ 5 and $x"]
)
def test_money_and_code_are_not_math(text):
    html = to_html(text)
    assert not math_in(html)
    assert html.startswith('<div class="tex2jax_ignore mathjax_ignore" ')


def test_inner_dollars_do_not_end_a_formula():
    assert math_in(to_html(r"\(a \text{ if $b$ }\)")) == [r"\(a \text{ if $b$ }\)"]


def test_tables_lists_and_strikethrough_are_rendered():
    html = to_html("| a | b |\n|--:|---|\n| 1 | 2 |\n\n1. ~~x~~\n")
    assert '<td style="text-align:right" dir="auto">1</td>' in html
    assert '<li dir="auto"><s>x</s></li>' in html


def test_code_is_highlighted_up_to_a_length():
    assert ">def</span>" in to_html("```python\ndef f(): pass\n```")
    long = "x = 1\n" * (MAX_HIGHLIGHTED_CHARS // 6 + 1)
    assert "<span" not in to_html(f"```python\n{long}```")
    assert "<span" not in to_html("```no-such-language\nx = 1\n```")


def test_code_keeps_every_character():
    code = "\n\n  if a < b && c > 'd':\n\tpass  \n\n"
    html = to_html(f"```python\n{code}```")
    text = (
        re.sub("<[^>]*>", "", html.partition("<code")[2].partition(">")[2])
        .replace("&lt;", "<")
        .replace("&gt;", ">")
    )
    assert text.replace("&amp;", "&").rstrip("\n") == code.rstrip("\n")


def test_images_are_links_with_their_description():
    html = to_html("![a map](https://example.org/map.png)")
    assert "<img" not in html
    assert ">🖼 a map</a>" in html
    assert 'rel="noopener noreferrer"' in html


def test_huge_texts_and_paragraphs_are_shown_as_they_are():
    assert "<em>" not in to_html("*a* " * 10_000)
    assert "<p>" not in to_html("a\n\n" * (MAX_RENDERED_CHARS // 3 + 1))


def test_a_long_table_ends_as_text():
    html = to_html("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 20_000)
    assert html.count("<tr>") > 1000
    assert "| 1 | 2 |" in html


def test_a_table_cannot_grow_out_of_its_text():
    text = "|" + "a|" * 3000 + "\n|" + "-|" * 3000 + "\n" + "a\n" * 3000
    assert len(to_html(text)) < 20 * len(text)


@pytest.mark.parametrize("piece", CORPUS)
def test_safe_markdown_holds_no_markup_outside_of_fences(piece):
    safe = re.sub(
        r"^(`{3,})[^\n]*\n.*?^\1$", "", to_safe_markdown(piece), flags=re.DOTALL | re.MULTILINE
    )
    assert not re.search(r"<[A-Za-z/!?]", safe)
    assert not re.search(r"(?<!\\)!\[", safe.replace("!\\[", ""))
    assert not re.search(r"(javascript|vbscript|data|blob|file)\s*:\S", safe, re.IGNORECASE)
    assert is_safe(safe)


@pytest.mark.parametrize("command", ["input", "VerbatimInput", "lstinputlisting", "directlua"])
def test_safe_markdown_reads_no_file_when_a_notebook_is_exported_with_latex(command):
    """Pandoc passes on anything that it takes for LaTeX, even outside formulas."""
    for text in (f"a \\{command}{{/etc/passwd}}", f"`\\{command}{{/etc/passwd}}`{{=latex}}"):
        assert f"\\{command}" not in to_safe_markdown(text)
    assert "=latex" not in to_safe_markdown(f"``` {{=latex}}\n\\{command}{{x}}\n```")


def test_safe_markdown_keeps_what_is_harmless():
    text = "# A title\n\n*x* < y, `a < b`, [ok](https://example.org)\n\n```python\na <b> c\n```"
    assert to_safe_markdown(text) == text


def test_safe_markdown_closes_fences_so_that_no_renderer_disagrees():
    assert to_safe_markdown("```html x=1\n<b>") == "```html\n<b>\n```"
    assert to_safe_markdown("~~~\n```\n~~~\nend") == "````\n```\n````\n\nend"
