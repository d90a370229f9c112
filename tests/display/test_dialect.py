"""What answers have beyond CommonMark: bare links, tasks, a few tags, directions."""

import re

import pytest
from hostile import VECTORS
from markup import audit

from xinference_magics.display.markdown import to_html

HREF = re.compile(r'href="([^"]*)"')


def inner(text):
    """Render a text that is one paragraph; return what is in it."""
    return re.search(r'<p dir="auto">(.*)</p>', to_html(text), re.DOTALL)[1]


@pytest.mark.parametrize("text", ["H<sub>2</sub>O", "x<sup>2</sup>", "<kbd>Ctrl</kbd>", "a<br>b"])
def test_four_tags_are_markup(text):
    assert inner(text) == text
    assert inner(text.upper().replace("BR", "br")).lower() == text.lower()


def test_tags_work_in_cells_and_within_each_other():
    html = to_html("| a |\n|---|\n| x<br/>y<SUB>**1**</SUB> <sup>a<sub>b</sub></sup> |")
    for part in ("x<br>y<sub><strong>1</strong></sub>", "<sup>a<sub>b</sub></sup>"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        *("<sub>", "</sub>", "<sub>a</sup>", "<sub onclick=x>a</sub>", "<br onclick=x>", "<br x>"),
        *("< br>", "<kbd/>", "<brx>", "<sub\n>"),
    ],
)
def test_tags_without_partner_or_with_attributes_are_text(text):
    assert not re.search(r"<(sub|sup|kbd|br>)", to_html(text))
    assert "&lt;" in to_html(text)


def test_overlapping_tags_never_leave_their_block():
    html = inner("**a <sub>b** c</sub> <sup>d")
    assert html == "<strong>a &lt;sub&gt;b</strong> c&lt;/sub&gt; &lt;sup&gt;d"
    deep = to_html("<sub>" * 100 + "x" + "</sub>" * 100)
    assert deep.count("<sub>") == deep.count("</sub>") <= 8


@pytest.mark.parametrize("tag", ["sub", "kbd"])
def test_hostile_text_within_the_tags_is_harmless(tag):
    for vector in VECTORS:
        audit(to_html(f"a<{tag}>{vector}</{tag}><br>{vector}"))
        audit(to_html(f"- [x] {vector}\n\n| a |\n|---|\n| <{tag}>{vector}<br></{tag}> |"))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("see https://a.org/b_c_d?x=1&y=2.", "https://a.org/b_c_d?x=1&amp;y=2"),
        ("(http://a.org/x_(y))", "http://a.org/x_(y)"),
        ("**https://a.org/**", "https://a.org/"),
        ("at www.a.org, or", "http://www.a.org"),
        ("mail me@a.org!", "mailto:me@a.org"),
        ("[x](http://b.org) y", "http://b.org"),
        ("<https://a.org>", "https://a.org"),
    ],
)
def test_bare_addresses_are_links(text, url):
    assert HREF.findall(to_html(text)) == [url]


@pytest.mark.parametrize(
    "text",
    ["a.b.c", "README.md", "`https://a.org`", "javascript://a.org", "x@y", "ftp://a.org", "3.5@2"],
)
def test_what_is_no_address_is_text(text):
    assert "<a" not in to_html(text)


def test_an_address_within_a_link_is_text():
    assert to_html("[https://a.org](https://b.org)").count("<a ") == 1


def test_tasks_are_boxes():
    html = to_html("- [x] done\n- [ ] to do\n- [y] no\n- [x]\n")
    assert re.findall(r'aria-label="([^"]*)"', html) == ["done", "to do"]
    assert "[y] no" in html
    assert "[x]</li>" in html


def test_single_line_breaks_are_kept():
    assert inner("roses\nviolets") == "roses<br />\nviolets"


def test_marks_of_footnotes_are_raised_and_their_text_stays():
    html = to_html("Paris.[^1]\n\n[^1]: The capital.")
    assert html.count("<sup>1</sup>") == 2
    assert "The capital." in html


def test_headings_are_quiet_and_in_no_outline():
    html = to_html("# a\n## b\n###### c\n\nd\n===")
    assert re.findall(r'role="heading" aria-level="(\d)"', html) == ["1", "2", "6", "1"]
    assert not re.search(r"<h\d", html)
    assert max(map(int, re.findall(r"font-size:(\d+)px", html))) <= 20


def test_cells_are_left_aligned_unless_asked_otherwise():
    html = to_html("| a | b | c |\n|---|:-:|--:|\n| x | y | שלום |")
    assert re.findall(r"text-align:(\w+)", html) == ["left", "center", "right"] * 2
    assert "text-align:right" in to_html("| שלום |\n|---|\n| x |")
    assert '<table dir="rtl"' in to_html("| שלום |\n|---|\n| x |")


def test_each_block_chooses_its_direction():
    html = to_html("hello\n\n# שלום\n\n- שלום\n- hello\n\n> שלום\n\n- a\n\n- b\n")
    assert to_html("שלום").count("text-align:right") == 1
    for part in ('<p dir="auto">', '<ul dir="rtl">', '<li dir="auto">', '<blockquote dir="rtl">'):
        assert part in html
    assert "<ul>\n<li>\n<p" in html  # paragraphs in items choose it


def test_code_has_its_language_and_scrolls():
    html = to_html("```Python title\nx = None\n```\n\n```\ny\n```")
    assert html.count(">Python</div>") == 1
    assert html.count("overflow:auto;white-space:pre;") == 2
    assert 'tabindex="0"' in html
    assert "onclick" not in to_html('```"onclick=x\ny\n```').partition("<code")[0]
