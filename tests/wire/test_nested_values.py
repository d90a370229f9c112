"""Values in their own tags, as Xinference's minimax_m3 parser reads them."""

import json

import pytest
from test_call_formats import CITY, anyhow, tool

MARK = "]<]minimax[>["
FREE = tool("f", o={}, l={}, n={}, s=CITY)
TYPED = tool(
    "f",
    o={"type": "object", "properties": {"a": {"type": ["object", "array", "integer"]}, "s": CITY}},
    l={"type": "array", "items": {"type": ["object", "array", "integer"]}},
    n={"type": ["array", "integer"]},
    s={"anyOf": [CITY, {"type": "null"}]},
)


def arguments(text, given):
    left, [(name, found, complete)] = anyhow(text, tools=[given])
    assert (left, name, complete) == ("", "f", True)
    return json.loads(found)


def marked(text):
    return text.replace("<", f"{MARK}<").replace(f"{MARK}<]", "<]")


@pytest.mark.parametrize("given", [FREE, TYPED], ids=["free", "typed"])
@pytest.mark.parametrize(
    ("inside", "value"),
    [
        ("<o><a><b>x</b></a></o>", {"o": {"a": {"b": "x"}}}),
        ("<o>\n<a>1</a>\n<b>x y</b>\n</o>", {"o": {"a": 1, "b": "x y"}}),
        ("<o><a>1</a><a>2</a></o>", {"o": {"a": [1, 2]}}),
        ("<o><o><o>1</o></o></o><n>5</n>", {"o": {"o": {"o": 1}}, "n": 5}),
        ('<o>{"a": 1}</o>', {"o": {"a": 1}}),
        ('<parameter name="o"><a>1</a></parameter>', {"o": {"a": 1}}),
        ("<l><item>1</item></l>", {"l": [1]}),
        ("<l>\n<item>1</item>\n<item>2</item>\n</l>", {"l": [1, 2]}),
        ("<l><item><a>x</a></item><item><a>y</a></item></l>", {"l": [{"a": "x"}, {"a": "y"}]}),
        ("<l><item><item>1</item></item></l>", {"l": [[1]]}),
        ("<l>[1, 2]</l>", {"l": [1, 2]}),
        ("<n>5</n><n>6</n>", {"n": [5, 6]}),
        ("<s>some <b>bold</b> <s </s>", {"s": "some <b>bold</b> <s "}),
        ("<s><b>bold</b></s>", {"s": "<b>bold</b>"}),
        ("<s> 007 </s>", {"s": " 007 "}),
    ],
)
def test_values(given, inside, value):
    text = f'<tool_call>\n<invoke name="f">{inside}</invoke>\n</tool_call>'
    assert arguments(text, given) == value
    assert arguments(text.replace("tool_call", "minimax:tool_call"), given) == value
    if "bold" not in inside:
        assert arguments(marked(text), given) == value


def test_the_schema_determines_the_types_of_inner_values():
    text = '<tool_call><invoke name="f">{}</invoke></tool_call>'
    assert arguments(text.format("<o><s>007</s></o>"), TYPED) == {"o": {"s": "007"}}
    assert arguments(text.format("<o><s><i>x</i></s></o>"), FREE) == {"o": {"s": {"i": "x"}}}
    assert arguments(text.format("<o></o><l>\n</l>"), TYPED) == {"o": {}, "l": []}


@pytest.mark.parametrize("inside", ["<o><a>1</o>", "<o>1<a>2</a></o>", "<o><a>1</b></o>"])
def test_mismatched_tags_are_not_an_object(inside):
    text = f'<tool_call><invoke name="f">{inside}</invoke></tool_call>'
    _, [(name, _, complete)] = anyhow(text, tools=[TYPED])
    assert (name, complete) == ("f", False)
    assert arguments(text, FREE) == {"o": inside[3:-4]}


def test_excessive_nesting_is_a_string():
    text = "<a>" * 5_000 + "</a>" * 5_000
    call = f'<tool_call><invoke name="f"><o>{text}</o></invoke></tool_call>'
    assert arguments(call, FREE) == {"o": text}
