"""The answer to a forced tool choice, which is JSON: at every cut, cut off, of another form."""

import json

import pytest

from xinference_magics.wire.forced_calls import ForcedCalls, whole_calls

PARIS = {"city": "Paris"}
ODD = {"text": 'a "quote", a \\ and a }', "deep": {"list": [{"n": 1}, []]}, "雪": "\n"}


def written(*calls, spaces=True):
    separators = (", ", ": ") if spaces else (",", ":")
    objects = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return json.dumps(
        objects if len(calls) > 1 else objects[0], ensure_ascii=False, separators=separators
    )


def read(pieces, *, cut=False, tools=None):
    """Feed pieces; return the text, and the name and arguments of each call."""
    reader = ForcedCalls(tools)
    text, calls = "", {}
    for text_piece, found in [*map(reader.feed, pieces), reader.end(cut=cut)]:
        text += text_piece
        numbers = [each["index"] for each in found]
        assert len(set(numbers)) == len(numbers)  # parts within one chunk are never merged
        for each in found:
            call = calls.setdefault(each["index"], [None, "", set()])
            call[0] = each["function"].get("name") or call[0]
            call[1] += each["function"].get("arguments", "")
            call[2] |= {each["id"]} if "id" in each else set()
    assert all(len(ids) == 1 for _, _, ids in calls.values())
    return text, [(name, arguments) for name, arguments, _ in calls.values()]


@pytest.mark.parametrize("spaces", [True, False])
@pytest.mark.parametrize(
    "calls",
    [
        [("get_weather", PARIS)],
        [("get_time", {})],
        [("f", ODD)],
        [("f", ODD), ("get_time", {}), ("f", ODD)],
        [('a "b"\\', PARIS)],
    ],
)
def test_calls_at_every_cut(calls, spaces):
    text = written(*calls, spaces=spaces) + "\n \n"
    for cut in range(len(text) + 1):
        said, found = read([text[:cut], text[cut:]])
        assert not said
        assert [(name, json.loads(given)) for name, given in found] == calls
    assert read(list(text)) == read([text])


def test_arguments_arrive_while_they_are_written():
    reader = ForcedCalls()
    assert reader.feed('[{"name": "f", "arg') == ("", [])
    _, [begun] = reader.feed('uments": {"a')
    assert (begun["function"]["name"], begun["function"]["arguments"]) == ("f", '{"a')
    assert reader.feed('": 1') == ("", [{"index": 0, "function": {"arguments": '": 1'}}])


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("rest", ["", ', "arguments": {}}'])
def test_a_name_that_is_escaped_as_in_markdown(rest, cut):
    said, found = read([text := '{"name": "get\\_weather"' + rest], cut=cut)
    if cut or rest:
        assert (said, [name for name, _ in found]) == ("", ["get_weather"])
    else:
        assert (said, found) == (text, [])


def test_words_after_a_call_are_text_at_every_cut():
    text = written(("f", PARIS)) + " That is all."
    expected = ("That is all.", [("f", json.dumps(PARIS))])
    for cut in range(len(text) + 1):
        assert read([text[:cut], text[cut:]]) == expected


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('{"name": "f", "arguments": {"a": "b', [("f", '{"a": "b')]),
        ('[{"name": "f", "arguments": {}}, {"name": "g", "argu', [("f", "{}"), ("g", None)]),
        ('[{"name": "f"', [("f", None)]),
        ('{"na', [(None, None)]),
        ('[{"name": "f", "arguments": {}}, ', [("f", "{}")]),
    ],
)
def test_a_call_that_was_cut_off_is_not_valid(text, calls):
    for pieces in ([text], list(text)):
        said, found = read(pieces, cut=True)
        assert not said
        assert [name for name, _ in found] == [name for name, _ in calls]
        for (_, given), (_, expected) in zip(found, calls, strict=True):
            if expected is None:
                with pytest.raises(ValueError, match=r"\w"):
                    json.loads(given)
            else:
                assert given == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Hello!",
        "[1] See below.",
        '{"answer": 42}',
        '[{"answer": 42}]',
        '```json\n{"name": "f", "arguments": {}}\n```',
        '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>',
        '{"x": "' + 2000 * "y" + '"}',
        "{city} is nice",
        '{{"name": "f", "arguments": {}}}',
    ],
)
def test_an_answer_of_another_form_stays_text(text):
    assert read([text]) == (text, [])
    assert read(list(text)) == (text, [])


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("text", "left", "names"),
    [
        (written(("g", PARIS)), written(("g", PARIS)), []),
        ('{"name": "g"', '{"name": "g"', []),
        (written(("f", PARIS), ("g", {})), '{"name": "g", "arguments": {}}]', ["f"]),
    ],
)
def test_a_call_of_a_tool_that_was_not_offered_is_text(text, left, names, cut):
    tools = [{"type": "function", "function": {"name": "f"}}]
    for pieces in ([text], list(text)):
        said, found = read(pieces, cut=cut, tools=tools)
        assert (said, [name for name, _ in found]) == (left, names)


def test_a_whole_answer():
    text, calls = whole_calls(written(("f", ODD), ("g", {})), cut=False)
    assert text == ""
    assert [json.loads(each["function"]["arguments"]) for each in calls] == [ODD, {}]
    assert [each["function"]["name"] for each in calls] == ["f", "g"]
