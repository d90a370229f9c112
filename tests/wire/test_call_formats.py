"""Every format of calls in the table, whole and cut at each place."""

import json

import pytest

from xinference_magics.wire.calls.formats import FORMATS
from xinference_magics.wire.calls.splitter import ToolCallSplitter

CITY, DAYS = {"type": "string"}, {"type": "integer"}


def tool(name, *required, **properties):
    schema = {"type": "object", "properties": properties, "required": [*required]}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS = [tool("get_weather", "city", city=CITY, days=DAYS), tool("now")]
OTHERS = [tool("get_weather_report", "city", city=CITY), tool("search", query=CITY)]
ARGUMENTS = {"city": "Paris", "days": 2}
OBJECT = '{"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}'
TAGGED = f"<tool_call>\n{OBJECT}\n</tool_call>"


def split(*pieces, tools=TOOLS, cut=False):
    """Return the text, and the calls as (name, arguments, complete)."""
    splitter = ToolCallSplitter(tools)
    parts = [*map(splitter.feed, pieces), splitter.end(cut=cut)]
    calls = [(each.name, each.arguments, each.complete) for _, found in parts for each in found]
    return "".join(text for text, _ in parts), calls


def in_pieces(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


def anyhow(text, **how):
    """Split a text that arrives in pieces of several sizes, all with the same result."""
    whole = split(text, **how)
    for size in (1, 3):
        assert split(*in_pieces(text, size), **how) == whole
    return whole


def read(text):
    """Return the remaining text and the valid calls."""
    left, calls = anyhow(text)
    assert all(complete for _, _, complete in calls)
    return left, [(name, json.loads(arguments)) for name, arguments, _ in calls]


@pytest.fixture(params=FORMATS, ids=[form.name for form in FORMATS])
def form(request):
    return request.param


def test_a_call(form):
    assert read(form.sample) == ("", [("get_weather", ARGUMENTS)])


def test_a_call_that_is_cut_in_two_anywhere(form):
    for end in ("\nDone.", "\n\nDone."):
        text = f"So:\n{form.sample}{end}"
        for cut in range(1, len(text)):
            assert split(text[:cut], text[cut:]) == split(text), text[:cut]


def test_text_in_the_line_below_a_call(form):
    """Only a bare call has to be a block of its own, in which no other text is."""
    text = f"So:\n{form.sample}\nas an example."
    is_bare = form.block and not form.sample.startswith("```")
    assert read(text) == (text, []) if is_bare else ("So:\nas an example.", [GIVEN])


def test_text_around_a_call_stays(form):
    text = f"I look it up.\n\n{form.sample}\n\nThat was it."
    assert read(text) == ("I look it up.\n\nThat was it.", [("get_weather", ARGUMENTS)])


def test_two_calls(form):
    text = f"Both:\n{form.sample}\n{form.sample}\n"
    assert read(text) == ("Both:", [("get_weather", ARGUMENTS)] * 2)


def test_a_call_of_a_tool_that_was_not_offered_stays_text(form):
    assert anyhow(f"So: \n{form.sample}\nDone.", tools=OTHERS) == (
        f"So: \n{form.sample}\nDone.",
        [],
    )


def test_a_call_alone_in_a_code_block(form):
    if not form.sample.startswith("```"):
        text = f"So:\n```json\n{form.sample}\n```\nDone."
        assert read(text) == ("So:\nDone.", [("get_weather", ARGUMENTS)])


def test_a_call_that_was_cut_off_is_never_valid(form):
    for end in range(1, len(form.sample)):
        _, calls = split("Well. \n" + form.sample[:end], cut=True)
        for name, arguments, complete in calls:
            assert name in {"get_weather", None}
            assert not complete or json.loads(arguments) == ARGUMENTS


@pytest.mark.parametrize("end", ["\n</tool_call>", "</tool_call>"])
def test_a_missing_end_closes_a_call_unless_it_was_cut_off(end):
    assert split(TAGGED.removesuffix(end)) == ("", split(TAGGED)[1])
    [(name, _, complete)] = split(TAGGED.removesuffix(end), cut=True)[1]
    assert (name, complete) == ("get_weather", False)


GIVEN = ("get_weather", ARGUMENTS)
NOW = [("now", {})]
MENDED = {
    "Python's quotes": "<tool_call>{'name': 'get_weather', 'arguments': {'city': 'Paris', "
    "'days': 2}}</tool_call>",
    "a last brace too many": f"<tool_call>\n{OBJECT}}}\n</tool_call>",
    "a last brace too few": f"<tool_call>\n{OBJECT[:-1]}\n</tool_call>",
    "a bare object with a last brace too few": OBJECT[:-1],
    "doubled braces": f"<tool_call>\n{{{OBJECT}}}\n</tool_call>",
    "doubled braces throughout": "<tool_call>\n"
    + OBJECT.replace("{", "{{").replace("}", "}}")
    + "\n</tool_call>",
    "doubled braces of the arguments": OBJECT.replace(": {", ": {{").replace("}}", "}}}"),
    "doubled braces in a block of code": f"```json\n{{{OBJECT}}}\n```",
    "arguments in a text": "<tool_call>"
    + json.dumps({"name": "get_weather", "arguments": json.dumps(ARGUMENTS)})
    + "</tool_call>",
    "as OpenAI's API has it": f'<tool_call>{{"function": {OBJECT}}}</tool_call>',
    "a block of code within": f"<tool_call>\n```json\n{OBJECT}\n```\n</tool_call>",
    "a block of code around": f"```xml\n{TAGGED}\n```",
    "a block of code in capitals": f"```JSON\n{OBJECT}\n```",
    "a block of code with comments": f"```jsonc\n{OBJECT}\n```",
    "a block of code between tildes": f"~~~json\n{OBJECT}\n~~~",
    "a block of code without its end": f"```json\n{OBJECT}",
    "a line break before Command R's block of code": f"Action:\n```json\n[\n{OBJECT}\n]\n```",
    "gpt-oss's code": "<|channel|>commentary to=functions.get_weather code<|message|>"
    + json.dumps(ARGUMENTS)
    + "<|call|>",
    "a call of gpt-oss in its reasoning": "<|channel|>analysis to=functions.get_weather code"
    f"<|message|>{json.dumps(ARGUMENTS)}<|call|>",
    "parameters": OBJECT.replace("arguments", "parameters"),
    "id and type": OBJECT.replace("{", '{"id": "1", "type": "function", ', 1),
    "by position": '[get_weather("Paris", 2)]',
    "without its last tags": "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n"
    "</parameter>\n<parameter=days>\n2\n</parameter>\n",
}


def test_doubled_braces_around_nested_values():
    given = '{{"name": "f", "arguments": {{"x": {{"a": {{}}, "b": "}}}}", "c": {"d": [{{}}]}}}}}}}}'
    tools = [{"type": "function", "function": {"name": "f"}}]
    _, [(_, arguments, complete)] = anyhow(f"<tool_call>{given}</tool_call>", tools=tools)
    assert json.loads(arguments) == {"x": {"a": {}, "b": "}}}}", "c": {"d": [{}]}}}
    assert complete


@pytest.mark.parametrize("text", MENDED.values(), ids=MENDED)
def test_repairable_calls_are_repaired(text):
    assert read(text) == ("", [GIVEN])


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{OBJECT}\n{OBJECT}\n</tool_call>",
        f"<tool_call>[{OBJECT}, {OBJECT}]</tool_call>",
        f"<tool_call>{OBJECT}\n{TAGGED}",
        f"```\n{TAGGED}\n{TAGGED}\n```",
        f"<|python_tag|>{OBJECT}; {OBJECT}",
        f"{OBJECT}\n{OBJECT}",
        "[get_weather(city='Paris', days=2), get_weather(city='Paris', days=2)]",
        "<|python_start|>[get_weather('Paris', 2), get_weather('Paris', 2)]<|python_end|>",
        "<function_calls>get_weather('Paris', 2)\nget_weather('Paris', 2)</function_calls>",
    ],
)
def test_two_calls_where_one_is_usual(text):
    assert read(text) == ("", [GIVEN, GIVEN])


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{{"name": "get_weather", "arguments": {{"city": "{}"}}}}</tool_call>',
        "<tool_call>\n<function=get_weather>\n<parameter=city>\n{}\n</parameter></function>",
        '<|tool_call>call:get_weather{{city:<|"|>{}<|"|>}}<tool_call|>',
    ],
)
@pytest.mark.parametrize(
    "city", ["</tool_call>", "a <tool_call> b </tool_call> c", "```", "a, b:{{c}}", "Zürich 世界"]
)
def test_tags_and_other_text_within_an_argument(text, city):
    assert read(text.format(city)) == ("", [("get_weather", {"city": city})])


TEXTS = [
    "Use the `<tool_call>` tag, or <tool_call> and </tool_call>.",
    "<tool_call>{...}</tool_call>",
    '<tool_call>{"name": "other", "arguments": {}}</tool_call>',
    '<tool_call>{"name": 5, "arguments": {}}</tool_call>',
    "<tool_call>[1]</tool_call>",
    f"`<tool_call>{OBJECT}</tool_call>`",
    f"```python\nCALL = '''\n{TAGGED}\n'''\n```",
    f"```python\n{OBJECT}\n```",
    f"Send {OBJECT} to it.",
    f"{OBJECT} is what you send.",
    f"```json\n{OBJECT}\n// and more\n```",
    OBJECT.replace('"name"', '"note": 1, "name"'),
    OBJECT.replace("days", "nights"),
    OBJECT.replace('"city": "Paris", ', ""),
    OBJECT.replace('"Paris"', '["Paris"]'),
    '{"name": "get_weather"}',
    '{"name": "now", "arguments": 5}',
    f'{{\n  "calls": [\n    {OBJECT}\n  ]\n}}',
    "get_weather\nis the name of a tool.",
    "get_weather\n{it} says",
    "now\n{now}",
    "[get_weather] and [now](x)",
    '[get_weather(city=__import__("os").getcwd())]',
    "The tag <function=get_weather> begins a call.",
    "[TOOL_CALLS] is a token, functools is a module",
    "```json\n{}\n```\n\n```\n```\n~~~\n{\n~~~",
    f"~~~python\n{OBJECT}\n~~~",
    f"~~~ a `b` ```\n{TAGGED}\n~~~",
    f"~~~json\n{OBJECT}\n```",
    "[",
    "{",
    "```",
    "<",
]


SCHEMA = {"type": "object", "properties": {"city": CITY}}
DEFINITIONS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}},
    {"name": "get_weather", "description": "Weather.", "parameters": SCHEMA},
    {"name": "now", "description": "The time."},
    {"name": "now", "parameters": {**SCHEMA, "properties": {}}},
]
TEXTS += [
    text.format(json.dumps(each))
    for each in DEFINITIONS
    for text in ("<tools>\n{}\n</tools>", "<tool_call>{}</tool_call>", "{}", "```json\n{}\n```")
]
TEXTS += [
    before + f"example: <tool_call>{OBJECT}</tool_call>" + after
    for before, after in ("``", "“”", "„“", ("A `b` c `", "` d"), ("x\n“", ""))
]
TEXTS += [
    *("Models write <function=now>", "Begin with <tool_call>now", 'or <function name="now">'),
    "Begin with <tool_call>now\n",
    "<tool_call>\n<function=now>\n",
]
TEXTS += [
    before + OBJECT + after
    for before, after in (
        ("calls = [\n", f",\n{OBJECT}\n]"),
        ("send( \t\n", "\n)"),
        ("<pre>\n", "\n</pre>"),
        ("curl -d '\n", "\n'"),
        ("x = {\n", "\n}"),
        ("Code:\n\n    ", "\n\nend"),
        ("Code:\n\t", ""),
    )
]
NAMED = [  # calls that have nothing but a name
    "<function=now></function>",
    "<tool_call>now</tool_call>",
    '<tool_call>{"name": "now"}</tool_call>',
    '<tool_call>[{"name": "now"}]</tool_call>',
    '<function name="now"></function>',
    "<tool_calls><tool_call>now<tool_sep></tool_call></tool_calls>",
    '<minimax:tool_call><invoke name="now"></invoke></minimax:tool_call>',
    "<tool_call><function=now></function></tool_call>",
]
TEXTS += [f"Use {each} for that." for each in NAMED]
TEXTS += [f"{each} is a call." for each in NAMED]
TEXTS += [f"To see it, {each}\nwill do." for each in NAMED]
TEXTS += [f"Write {each}" for each in NAMED]
TEXTS += [
    f"{each} {next_one}" for each in NAMED[:2] for next_one in ("[1]", "{}", "now", "```x```")
]
TEXTS += [f"So ({each})" for each in NAMED]
TEXTS += [text.format('<tool_call>{"name": "now"}') for text in ("{}", "Use {}", "```xml\n{}\n```")]
TEXTS += ['<tool_call>\n{"name": "now"}\n', "[get_weather('Paris')]\n  is a list"]
TEXTS += [f"It is\n{OBJECT}\nas an example.", f"{OBJECT}\r\nas"]
TEXTS += ['The tools are in <tools>{"name": "now"}</tools>.']


@pytest.mark.parametrize("text", TEXTS)
def test_text_that_is_not_a_call_stays_text(text):
    assert anyhow(text) == (text, [])


def test_calls_after_such_text_are_found():
    for text in TEXTS[:5] + TEXTS[8:18]:
        assert split(f"{text}\n\n{TAGGED}") == (text, split(TAGGED)[1])


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('<tool_call>{"name": "get_weather", "arguments": {bad}}</tool_call>', "{bad}}"),
        (
            '<tool_call>{"name": "get_weather", "arguments": {"city": "it"s"}}</tool_call>',
            '{"city": "it"s"}}',
        ),
        ('<tool_call>{"name": "get_weather", "arguments": "none"}</tool_call>', "none"),
        ('<tool_call>{"name": "get_weather", "arguments": {"city": "Pa', '{"city": "Pa'),
    ],
)
def test_a_broken_call_of_a_tool_is_invalid(text, arguments):
    assert anyhow(text) == ("", [("get_weather", arguments, False)])


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("<tool_call>", None, ""),
        ('<tool_call>{"nam', None, '{"nam'),
        ('<tool_call>{"name": "get_weather", "argum', "get_weather", ""),
        ('{"name": "get_weather", "arguments": {"ci', "get_weather", '{"ci'),
    ],
)
def test_a_call_that_was_cut_off_is_invalid(text, name, arguments):
    assert anyhow(text, cut=True) == ("", [(name, arguments, False)])


def test_a_call_cut_off_after_its_last_character_is_not_known_to_be_complete():
    assert split(OBJECT, cut=True)[1][0][2] is False
    assert split(f"{OBJECT}\n\n.", cut=True) == split(f"{OBJECT}\n\n.")


@pytest.mark.parametrize("text", ["The", "No", "I'll", "1", "*", "#", "```python", "    x", "- a"])
def test_the_first_text_comes_at_once(text):
    assert ToolCallSplitter(TOOLS).feed(text) == (text, [])


def test_code_is_shown_as_soon_as_its_language_is_known():
    splitter = ToolCallSplitter(TOOLS)
    said = [splitter.feed(piece)[0] for piece in ("```", "py", "thon", "\nprint", "(", "{")]
    assert said == ["", "```py", "thon", "\nprint", "(", "{"]


def test_data_is_shown_as_soon_as_it_cannot_be_a_call():
    splitter = ToolCallSplitter(TOOLS)
    said = [splitter.feed(piece)[0] for piece in ("```json", '\n{"', "x", '": 1')]
    assert said == ["", "", '```json\n{"x', '": 1']


@pytest.mark.parametrize("start", ["<tool_call>\n", "<tools>", "[TOOL_CALLS] [", "```json\n", ""])
def test_an_object_is_shown_as_soon_as_its_name_is_not_that_of_a_tool(start):
    splitter = ToolCallSplitter(TOOLS)
    begun = start + '{"name": "g'
    assert splitter.feed(begun) == ("", [])
    assert splitter.feed("oo") == (f"{begun}oo", [])


def test_each_call_has_its_own_id():
    _, calls = ToolCallSplitter(TOOLS).feed(TAGGED + TAGGED + ".")
    assert len({call.id for call in calls}) == 2


def test_a_tool_that_accepts_anything():
    given = OBJECT.replace("get_weather", "f")
    anything = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert split(given, tools=[anything])[1]
    assert split(given, tools=[{"type": "function", "function": {"name": "f"}}])[1]
    assert not split(given, tools=[tool("f")])[1]


@pytest.mark.parametrize(
    ("pieces", "left"),
    [
        (["I look.\n", "<tool_cal", None], "I look."),
        (["```json\n<tool_cal", None, "<tool_cal", None, "\n```"], ""),
        (["Like so:\n```json\n", "<tool", None, "\n```\n"], "Like so:"),
        (["OK\n", "<tool_cal", None, "<tool_cal"], "OK"),
        (["```json\n<tool_cal", "<tool_cal", None], ""),
        (["```json\n<tool_cal", "<tool_cal", "<", None, "\n```"], ""),
        (["OK.\n```json\n<tool_cal", "<tool_call", None, "<tool", "<tool_cal"], "OK."),
        (["OK\n<tool_cal", "<tool_cal", None, "<tool", "<tool_cal"], "OK"),
        (["OK\n<tool_cal", "<tool_cal", "s are tags"], "OK\n<tool_cal<tool_cals are tags"),
        (["```json\n<tool_cal", "<tool_cal\n", "```"], "```json\n<tool_cal<tool_cal\n```"),
        (["a <f", None], "a"),
        (["x[", "[", None], "x[["),
        (["a < b", None], "a < b"),
        (["a <", None, " b"], "a < b"),
    ],
)
def test_part_of_a_tag_next_to_a_call_of_the_engine_is_dropped(pieces, left):
    """vLLM's parsers let through what came before they recognized the tag; None is their call."""
    splitter = ToolCallSplitter(TOOLS)
    said = [
        splitter.engine_called() or "" if each is None else splitter.feed(each)[0]
        for each in pieces
    ]
    assert "".join(said) + splitter.end()[0] == left


@pytest.mark.parametrize(
    ("pieces", "left"),
    [
        (["OK\n", "<tool_cal"], "OK"),
        (["<tool_cal"], ""),
        (["OK\n\n  <tool_cal", "<tool_cal"], "OK"),
        (["OK\n```json\n", "<tool_cal"], "OK"),
        (["The tag is <tool_cal"], "The tag is <tool_cal"),
        (["Options:\n<t"], "Options:\n<t"),
        (["OK\n```json\n"], "OK\n```json\n"),
        (["OK\n`<tool_cal"], "OK\n`<tool_cal"),
    ],
)
def test_part_of_a_tag_at_the_end_tells_that_the_engine_lost_a_call(pieces, left):
    splitter = ToolCallSplitter(TOOLS)
    said = [splitter.feed(each)[0] for each in pieces]
    assert "".join(said) + splitter.end(lossy=True)[0] == left
    assert splitter.lost is (left in {"", "OK"})
    assert split(*pieces) == ("".join(pieces), [])  # a whole answer is as the model wrote it
    splitter = ToolCallSplitter(TOOLS)
    said = [splitter.feed(each)[0] for each in pieces]
    assert "".join(said) + splitter.end(lossy=True, cut=True)[0] == "".join(pieces)


@pytest.mark.parametrize(
    "text",
    [
        f'Known formats:\n{{"a": 1}},\n{OBJECT}\nare the lines of the log.',
        f'[{{"id": 1}},\n{OBJECT}\n]',
    ],
)
def test_a_line_of_data_is_not_a_call(text):
    assert anyhow(text) == (text, [])


@pytest.mark.parametrize("text", ["```python\nx = [\n```", "I call:", "Wait (a bit).", "- `x`"])
def test_an_object_below_a_text(text):
    assert read(f"{text}\n{OBJECT}") == (text, [GIVEN])


@pytest.mark.parametrize("text", ["```x```", "``x``", "`x` “y”", "„y“", "`x\n", "“`”"])
def test_a_call_after_inline_code(text):
    assert read(f"{text} {TAGGED}") == (text.strip(), [("get_weather", ARGUMENTS)])


@pytest.mark.parametrize("text", NAMED)
def test_a_call_that_only_names_its_tool(text):
    lines = text.replace("><", ">\n<")
    for given in (text, f"{text}\n", f"{text} \n\n", lines, f"```\n{text}\n```"):
        assert read(given) == ("", [("now", {})]), given
    for begun in ("I look it up.", "Well:\n", "I look. "):
        assert read(f"{begun}{text}\nDone.") == (f"{begun.strip()}\nDone.", NOW)
    assert read(text + text) == ("", NOW * 2)
    assert read(f"{text}\n{text}") == ("", NOW * 2)
    assert split(text, cut=True) == ("", [("now", "{}", True)])


@pytest.mark.parametrize("text", ["Use <function=now>", 'Use <tool_call>{"name": "now"'])
def test_a_mention_that_was_cut_off_stays(text):
    assert anyhow(text, cut=True) == (text, [])


@pytest.mark.parametrize("schema", [True, {"anyOf": [True]}])
def test_a_schema_that_admits_everything(schema):
    tools = [tool("f", x=schema)]
    for text in (
        '{"name": "f", "arguments": {"x": 1}}',
        "<tool_call>\n<function=f>\n<parameter=x>\n1\n</parameter>\n</function>\n</tool_call>",
    ):
        _, [(name, arguments, complete)] = anyhow(text, tools=tools)
        assert (name, json.loads(arguments), complete) == ("f", {"x": 1}, True)


@pytest.mark.parametrize("value", ["{[1]}", "{{1: 2}}"])
def test_a_value_that_is_not_json(value):
    assert anyhow(f"[get_weather(city={value})]") == (f"[get_weather(city={value})]", [])
