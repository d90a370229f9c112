"""The HTML that our output may contain: each element and attribute the renderer may write."""

import re
from html.parser import HTMLParser

TAGS = {
    *("a", "blockquote", "br", "code", "details", "div", "em", "hr", "kbd", "li", "ol", "p", "pre"),
    *("s", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr"),
    "ul",
}
BARE = {"br", "kbd", "sub", "sup"}
"""Tags that an answer may write itself, without attributes."""
ATTRIBUTES = {
    *("aria-label", "aria-level", "cellpadding", "class", "dir", "href", "open", "rel", "role"),
    *("rules", "start", "style", "tabindex", "target"),
}
CLASSES = {"tex2jax_ignore mathjax_ignore", "tex2jax_process mathjax_process"}
OF_FRAMES = {"sandbox", "srcdoc", "style", "title"}
OF_PICTURES = {"alt", "src", "style"}
STYLES = re.compile(r"[a-z-]+:[a-z0-9#.,() %-]+", re.IGNORECASE)
LINKS = re.compile(r"(https?:|mailto:)", re.IGNORECASE)
PICTURES = re.compile(r"data:image/(png|jpeg|gif|webp|bmp);base64,[A-Za-z0-9+/=]+")
POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'


class Auditor(HTMLParser):
    """Reject every other element and attribute."""

    def handle_starttag(self, tag, attrs):
        if tag == "iframe":
            return self._audit_frame(dict(attrs))
        if tag == "img":
            return self._audit_picture(dict(attrs))
        assert tag in TAGS, tag
        assert not (attrs and tag in BARE), tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            if name == "href":
                assert LINKS.match(value), value
            if name == "class":
                assert value in CLASSES
            if name == "style":
                check_style(value)
        return None

    def _audit_frame(self, attributes):
        assert set(attributes) == OF_FRAMES
        assert attributes["sandbox"] == ""
        assert attributes["srcdoc"].startswith(POLICY)

    def _audit_picture(self, attributes):
        assert set(attributes) == OF_PICTURES
        assert PICTURES.fullmatch(attributes["src"])

    def handle_decl(self, decl):
        raise AssertionError(decl)

    def handle_pi(self, data):
        raise AssertionError(data)

    def handle_comment(self, data):
        raise AssertionError(data)


def check_style(value):
    assert "url" not in value
    assert all(STYLES.fullmatch(part) for part in value.split(";")), value


def audit(html):
    """Reject HTML that contains anything else."""
    auditor = Auditor(convert_charrefs=True)
    auditor.feed(html)
    auditor.close()


def math_in(html):
    """Return the formulas that MathJax typesets."""
    return re.findall(r'mathjax_process">(.*?)</(?:span|div)>', html, re.DOTALL)
