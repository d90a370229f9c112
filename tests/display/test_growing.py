"""Markdown that grows: block by block it becomes what the whole text is rendered as."""

from dataclasses import asdict

import pytest
from growing_page import GrowingPage
from hostile import CORPUS
from hypothesis import given
from hypothesis import strategies as st
from markup import audit

from xinference_magics.display.growing import GrowingMarkdown
from xinference_magics.display.markdown import MAX_RENDERED_CHARS, renderer

SAMPLE = """# Paris

Some *text* with [a link][1],
on two lines.

- one
- **two**

- three, which makes the list loose

| place | minutes |
|---|--:|
| Louvre<br>H<sub>2</sub>O | 180 |
| Seine | 60 |

- [x] \u05e9\u05dc\u05d5\u05dd
- [ ] https://example.org/a_b

1. Run:
   ```sh
   ls
   ```
2. Look

```python
x = 1

def f(): ...
```
> quoted
> - inside

$$
x = 1

y = 2
$$

[1]: https://example.org
The end."""

PIECES = [
    *(
        "- a",
        "- b\n",
        "1. x\n",
        "2. y\n",
        "3) q\n",
        "* z\n",
        "  - n\n",
        "   c\n",
        "- \n",
        "-\n",
        "1.\n",
    ),
    *("\n", "\n\n", "  ", "    ", "\t", "\r\n", "\r", "\u2028", "\x0b", "\0"),
    *("```\n", "```py\n", "~~~\n", "$$", "$$\n", "\\[", "\\]\n", "$a$ ", "`c`", "\\"),
    *("> ", "> q\n", "# h\n", "---\n", "===\n", "|a|b|\n", "|-|-|\n", "|1|2|\n"),
    *("word ", "**b** ", "text\n", "<div>\n", "    code\n"),
    *("[x] ", "[x]: http://a.b\n", "[y]: <z>\n", "[x]: http://a.b\n'title'\n"),
    *("<sub>", "</sub>", "<br>", "<kbd>", "- [x] ", "[^x]", "http://a.b/c ", "www.a.b", "\u05e9 "),
]


def grown(text, sizes):
    """Let a text grow by pieces of these sizes; check that a page shows what there is."""
    growing, page, place = GrowingMarkdown(), GrowingPage(), 0
    for size in [*sizes, len(text)]:
        piece = text[place : place + size]
        place += size
        if piece:
            change = growing.append(piece)
            page.take(piece if change is None else asdict(change))
            assert page.blocks == growing.blocks
    change = growing.finish()
    if change is not None:
        page.take(asdict(change))
    assert page.blocks == growing.blocks
    return growing, page


def whole(text):
    return renderer().render(text)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_a_text_becomes_what_it_is_as_a_whole(size):
    growing, page = grown(SAMPLE, [size] * len(SAMPLE))
    assert "".join(page.blocks) == whole(SAMPLE)
    assert growing.rest == page.rest == ""


@pytest.mark.parametrize("end", range(1, len(SAMPLE), 7))
def test_a_text_that_ends_anywhere_becomes_what_it_is_as_a_whole(end):
    _, page = grown(SAMPLE[:end], [5] * end)
    assert "".join(page.blocks) == whole(SAMPLE[:end])


@given(
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
    st.lists(st.sampled_from([1, 2, 5, 30]), max_size=40),
)
def test_any_markdown_becomes_what_it_is_as_a_whole(text, sizes):
    _, page = grown(text, sizes)
    assert "".join(page.blocks) == whole(text)


@pytest.mark.parametrize("piece", CORPUS)
def test_hostile_pieces_are_harmless_at_every_moment(piece):
    for text in (piece, f"- {piece}\n- {piece}\n", f"| a |\n|---|\n| {piece} |\n"):
        growing = GrowingMarkdown()
        for character in f"{text}\n\nend\n\n":
            growing.append(character)
            audit("".join(growing.blocks))


def test_blocks_are_complete_as_soon_as_nothing_can_change_them():
    growing = GrowingMarkdown()
    shown = []
    for line in ("# Title\n", "A line\n", "\n", "- one\n", "- two\n", "```py\n", "x\n", "```\n"):
        growing.append(line)
        shown.append((len(growing.blocks), growing.rest, growing.language))
    assert shown == [
        (1, "", None),
        (1, "A line\n", None),
        (2, "", None),
        (2, "- one\n", None),
        (3, "- two\n", None),  # the first item joined the list
        (3, "", "py"),
        (3, "x\n", "py"),
        (4, "", None),
    ]


def test_each_block_is_sent_once():
    text = "".join(f"{number}. **item** {number}\n" for number in range(300)) + SAMPLE
    growing, sent = GrowingMarkdown(), 0
    for place in range(0, len(text), 4):
        change = growing.append(text[place : place + 4])
        if change is not None:
            sent += len(change.into) + len("".join(change.blocks)) + len(change.rest)
    assert sent < 2 * len(whole(text))


def test_a_definition_makes_a_link_of_earlier_text():
    growing = GrowingMarkdown()
    growing.append("See [it].\n\nMore.\n\n")
    assert growing.blocks[0] == '<p dir="auto">See [it].</p>\n'
    change = growing.append("[it]: https://example.org\n\nThe end.\n\n")
    assert change.keep == 0
    assert 'href="https://example.org"' in growing.blocks[0]


def test_what_is_no_markdown_or_too_long_stays_text():
    plain = GrowingMarkdown(is_plain=True)
    assert plain.append('{"a": 1}\n\n# x\n\n') is None
    assert plain.finish() is None
    assert plain.rest == '{"a": 1}\n\n# x\n\n'
    long = GrowingMarkdown()
    long.append("# a\n")
    assert long.append("b\n\n" * (MAX_RENDERED_CHARS // 3)) is None
    assert len(long.blocks) == 1
