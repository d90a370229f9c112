"""Whether an answer that should be JSON was cut off."""

import pytest

from xinference_magics.wire.partial import is_cut


@pytest.mark.parametrize("finish", ["length", "abort", "error", "content_filter"])
@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ('{"a": 12}', False),
        ('{"a": 12}\n   \n', False),
        ('{"a": 12', True),
        ('{"a": 12}}', True),
        ("", True),
        ("Well, ", True),
        ('```json\n{"a": 12}\n``', True),
        ("12", True),
        ("-1.5", True),
        ("12\n", False),
        ('"12"', False),
        ("true", False),
    ],
)
def test_an_answer_that_was_cut_short_must_be_json_as_it_is(text, cut, finish):
    assert is_cut(text, finish) is cut


@pytest.mark.parametrize("finish", ["stop", "tool_calls", None])
@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ('{"a": 12}', False),
        ('{"a": 12', True),
        ('{"a": "b', True),
        ('{"a": "}', True),
        ('Here it is:\n```json\n{"a": [1, "]"]}\n```\nWell?', False),
        ('Here {it} is:\n```json\n{"a": [1,', True),
        ("No.", False),
        ('{"a": 1,}', False),
        (r'{"a": "\"}"}', False),
        ("12", False),
    ],
)
def test_an_answer_that_ended_normally_has_closed_its_brackets(text, cut, finish):
    assert is_cut(text, finish) is cut
