"""No call is found in prose, code or data, and a text reads the same however it is cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinference_magics.wire.calls.formats import FORMATS
from xinference_magics.wire.calls.splitter import ToolCallSplitter

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
    for name in ("get_weather", "f")
]
TAGS = sorted(
    {tag for form in FORMATS for tag in (*form.opens, *form.ends, *form.starts)}
    | {"<function=f>", "</function>", "<parameter=city>", "</parameter>", "<invoke>"}
)
PROSE = [
    "The ",
    "word",
    ". ",
    ", f is",
    " get_weather",
    "\n",
    "\n\n",
    "  ",
    "- ",
    "* ",
    "1) ",
    "é世😀",
]
CODE = [
    *(
        "```python\n",
        "\n```\n",
        "```json\n",
        "```",
        "`",
        "~~~\n",
        "f(",
        "x)",
        "f(city='x')",
        "def f",
    ),
    *("if a < b:", "{", "}", "[", "]", "(", ")", "'", '"', "\\", ";", "print(f)", "<b>", "</b>"),
]
DATA = [
    json.dumps(each)
    for each in (
        {"name": "f"},
        {"name": "f", "arguments": {"nothing": 1}},
        {"name": "g", "arguments": {"city": "x"}},
        {"name": "f", "arguments": {"city": "x"}, "note": 1},
        {"f": {"city": "x"}},
        {"city": "x", "days": [1, 2, {"a": None}]},
        [1, "a", {}],
        ["f", "get_weather"],
    )
]
MENTIONS = [
    "Use <function=f></function> for that. ",
    "the <tool_call>f</tool_call>, ",
    'so write <tool_call>{"name": "f"}</tool_call> and ',
    "`<tool_call>f</tool_call>`",
]
WITHOUT_CALLS = st.lists(st.sampled_from(PROSE + CODE + DATA + MENTIONS), max_size=25).map("".join)
SAMPLES = [form.sample for form in FORMATS]
TORN = [sample[: len(sample) * part // 4] for sample in SAMPLES for part in (1, 2, 3)]
ANYTHING = st.lists(
    st.sampled_from(PROSE + CODE + DATA + TAGS + SAMPLES + TORN) | st.text(max_size=5), max_size=12
).map("".join)


def split(pieces, *, cut=False):
    splitter = ToolCallSplitter(TOOLS)
    parts = [*map(splitter.feed, pieces), splitter.end(cut=cut)]
    calls = [(each.name, each.arguments, each.complete) for _, found in parts for each in found]
    return "".join(text for text, _ in parts), calls


def pieces(text, sizes):
    """Cut a text into pieces, cycling through the sizes."""
    start, number = 0, 0
    while start < len(text):
        size = sizes[number % len(sizes)]
        yield text[start : start + size]
        start, number = start + size, number + 1


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(text=WITHOUT_CALLS, sizes=SIZES)
def test_a_text_without_calls_is_left_unchanged(text, sizes):
    if "f(city='x')" in text and "[" in text:
        return  # that is a call, in a list
    assert split([text]) == (text, [])
    assert split(pieces(text, sizes)) == (text, [])


@given(
    words=st.lists(st.sampled_from(PROSE), max_size=9).map("".join),
    tags=st.lists(st.sampled_from(TAGS)),
)
def test_a_text_that_mentions_tags_keeps_its_words(words, tags):
    text = words + "".join(f"the tag {tag} is one, " for tag in tags)
    assert split([text]) == (text, [])


@pytest.mark.parametrize("cut", [False, True])
@given(text=ANYTHING, sizes=SIZES)
def test_pieces_are_read_like_the_whole_text(cut, text, sizes):
    assert split(pieces(text, sizes), cut=cut) == split([text], cut=cut)


@given(text=ANYTHING)
def test_every_call_is_a_call_of_a_tool(text):
    left, calls = split([text])
    assert len(left) <= len(text)
    for name, arguments, complete in calls:
        assert name in {"get_weather", "f"}
        assert not complete or isinstance(json.loads(arguments), dict)
