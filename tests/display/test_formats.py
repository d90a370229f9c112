"""Answer formats, and that nothing in an answer runs."""

import re
from html import unescape

import pytest

from xinference_magics.display.formats import FORMATS, answer_html, unfenced

HOSTILE = [
    "<script>alert(1)</script>",
    "</iframe><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    '```html\n"><script>alert(1)</script>\n```',
    '{"<img src=x onerror=alert(1)>": ["</details><script>alert(1)</script>"]}',
    "$$\\href{javascript:alert(1)}{x}$$",
    "```python\n</code></pre><script>alert(1)</script>\n```",
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_part_of_an_answer_is_markup(form, text):
    html = answer_html(text, form)
    for tag in ("<script", "<img", "<svg"):
        assert tag not in html
    assert html.count("<iframe") == html.count("</iframe") <= 1
    assert (
        "javascript:" not in html or form in {"text", "json", "code", "html"} or ("<code" in html)
    )


def test_json_is_a_tree_with_or_without_fences():
    for text in ('{"a": [1, "b"]}', 'Here:\n```json\n{"a": [1, "b"]}\n```\n'):
        html = answer_html(text, "json")
        assert "<details open><summary>{…} 1</summary>" in html
        tree = re.sub(r"<(?!/?(details|summary))[^>]*>", "", html)
        assert '<details open><summary>a: […] 2</summary>0: 11: "b"</details>' in tree
        assert "var(--jp-mirror-editor-property-color" in html
    assert "not json" in answer_html("not json", "json")
    assert answer_html("[" * 100_000, "json").startswith("<div")
    assert len(answer_html("[" + "1," * 10_000 + "1]", "json")) < 2_000_000


def test_a_page_is_in_a_frame_that_may_do_nothing():
    html = answer_html("<h1>Hi</h1>", "html")
    assert '<iframe sandbox="" ' in html
    assert "default-src &#x27;none&#x27;" in html
    assert "&lt;h1&gt;Hi&lt;/h1&gt;" in html


@pytest.mark.parametrize(
    "piece", ["<iframe src=x>", "<LINK\nrel=x>", "<base/href=x>", "<Embed>", "<object data=x>"]
)
def test_a_page_has_nothing_that_connects_in_advance(piece):
    frame = answer_html(f"<head>{piece}<style>p {{}}</style><p title='{piece}'>Hi", "html")
    page = unescape(frame.partition('srcdoc="')[2])
    name = re.match(r"<(\w+)", piece)[1]
    assert f"<{name}" not in page
    assert "<style>p {}</style>" in page


@pytest.mark.parametrize("text", ["x^2", "$x^2$", "$$x^2$$", "\\[x^2\\]", "```latex\nx^2\n```"])
def test_math_is_displayed_however_it_is_delimited(text):
    assert "$$x^2$$" in answer_html(text, "math").replace("\n", "")


def test_code_is_taken_out_of_its_fence():
    text = "Sure:\n\n```python\nprint('```')\n```\nDone."
    assert unfenced("```python\nx = 1\n```") == ("x = 1\n", "python")
    assert unfenced("x = 1") == ("x = 1", "")
    assert "print" in answer_html(text, "code")
    assert "Sure" not in answer_html(text, "code")


def test_a_frame_is_about_as_high_as_its_page():
    def height(page):
        return int(re.search(r"height:(\d+)px", answer_html(page, "html"))[1])

    assert height("<h1>Hi</h1>") < 120
    rows = "<tr><td>a</td><td>b</td></tr>"
    assert height("<h1>Hi</h1>") < height(f"<table>{rows * 5}</table>") < height(rows * 100)
    assert height(f"<style>{'p {} ' * 400}</style>Hi") < 100
    assert height("<" * 100_000) == height("<p>x" * 100_000)


def test_a_page_with_colours_for_dark_keeps_them():
    assert "invert(" in answer_html("<p>Hi</p>", "html")
    assert "invert(" not in answer_html("<style>:root{color-scheme:light dark}</style>", "html")
