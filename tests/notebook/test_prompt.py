"""What `{{...}}` inserts, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.expand import evaluate, expand

NAMES = {"country": "France", "n": 3, "braces": "{{n}}", "d": {"a": {"b": 1}}, "f": lambda x: x}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("capital of {{country}}?", "capital of France?"),
        ("{{ n + 1 }}", "4"),
        ("{{d['a']['b']}}", "1"),
        ("{{ {'x': {'y': n}} }}", "{'x': {'y': 3}}"),
        ("{{{'x': {'y': n}}}}", "{'x': {'y': 3}}"),
        ("{{braces}}", "{{n}}"),
        ("{{f('}}')}}", "}}"),
        ("```python\nx = {{n}}\n```", "```python\nx = 3\n```"),
        (r"\{{country}}", "{{country}}"),
        (r'{"a": {"b": 1}} $x \frac{a}{b} {country}', r'{"a": {"b": 1}} $x \frac{a}{b} {country}'),
    ],
)
def test_expand(text, expected):
    assert expand(text, NAMES).text == expected


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_double_braces_arrives_unchanged(text):
    assert expand(text, NAMES).text == text


@given(st.text())
def test_an_inserted_value_is_never_expanded(value):
    assert expand("a {{value}} b", {"value": value}).text == f"a {value} b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{contry}}", r"\{\{contry\}\} in line 1 of the prompt: name .contry.*mean country\?"),
        ("x\n {{ a b }}", r"in line 2 of the prompt is not a valid expression"),
        ("{{n", "never closed by }}"),
        ("{{1/0}}", r"\{\{1/0\}\} in line 1 .* failed: ZeroDivisionError"),
        ("{{}}", "is not a valid expression"),
        ("{{contry}}", r"Write \\\{\{ for literal braces"),
    ],
)
def test_errors_point_at_the_expression(text, message):
    with pytest.raises(PromptError, match=message):
        expand(text, NAMES)


def test_local_variables_come_first():
    assert expand("{{country}}", NAMES, {"country": "Japan"}).text == "Japan"


def test_comprehensions_see_local_variables():
    local = {"xs": [1, 2], "n": 10}
    assert expand("{{', '.join(str(x * n) for x in xs)}}", NAMES, local).text == "10, 20"


@pytest.mark.parametrize(
    ("typed", "hint"), [("Persn", "Did you mean Person?"), ("Persno", "Did you mean Person?")]
)
def test_a_misspelled_variable_is_suggested(typed, hint):
    variables = {"Person": dict, "open": open, "In": [], "exit": 0, "_52": 1}
    with pytest.raises(PromptError, match="is not defined") as caught:
        evaluate(typed, variables, option="--schema")
    assert caught.value.hint == hint


@pytest.mark.parametrize("typed", ["Persn", "opn", "exi", "_5"])
def test_a_variable_of_ipython_or_one_that_is_hardly_alike_is_not_suggested(typed):
    variables = {"open": open, "exit": 0, "_52": 1, "Peter": 2}
    with pytest.raises(PromptError) as caught:
        evaluate(typed, variables, option="--schema")
    assert not caught.value.hint
