"""The words of a command, and the values inserted into them."""

import pytest

from xinference_magics.errors import PromptError, UsageError
from xinference_magics.notebook.command_line.tokenize import split_line
from xinference_magics.plain import as_word

NAMES = {"country": "France", "spaced": "a 'b\" # c", "d": {"a": 1}}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("launch -n a", ["launch", "-n", "a"]),
        ("list  # what runs", ["list"]),
        ("# only a comment", []),
        ("use 'a b' # c", ["use", "a b"]),
        ('use "a # b"', ["use", "a # b"]),
        ("use a#b", ["use", "a#b"]),
        (r"launch -mp C:\models\x.gguf", ["launch", "-mp", r"C:\models\x.gguf"]),
    ],
)
def test_a_line_becomes_words(line, words):
    assert split_line(line, "%xinference", NAMES) == words


@pytest.mark.parametrize("line", ["use what's", "login --password 'what", 'launch -ak what"s'])
def test_an_unclosed_quote_is_reported_without_a_possible_secret(line):
    with pytest.raises(UsageError, match="%xinference: a quote is not closed") as caught:
        split_line(line, "%xinference", NAMES)
    assert "what's" not in str(caught.value)
    assert "launch" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("use {country}", ["use", "France"]),
        ("use $country", ["use", "France"]),
        ("use {{country.lower()}}", ["use", "france"]),
        ("use {{ d['a'] }}", ["use", "1"]),
        ("use {d['a']}", ["use", "1"]),
        ("use http://{country}:1", ["use", "http://France:1"]),
        ("use {spaced} -e x", ["use", "a 'b\" # c", "-e", "x"]),
        ('x \'[{"worker_ip": "a"}]\'', ["x", '[{"worker_ip": "a"}]']),
        ("use $HOME {unknown}", ["use", "$HOME", "{unknown}"]),
    ],
)
def test_values_are_inserted_whatever_they_contain(line, words):
    assert split_line(line, "%xinference", NAMES) == words


@pytest.mark.parametrize(
    "uid",
    [
        *("a", "a b", "a'b", 'a"b', """a'"b""", "a # b", "`a`", "a\\b", "$country", "{country}"),
        *("{{1 / 0}}", "}} {{1 / 0}}", """x'"}}{{country}}""", r"\{{country}}", "a {d['a']} b"),
    ],
)
def test_a_model_name_is_not_an_expression_in_a_suggested_line(uid):
    """Typing the line of a hint runs nothing that the server has made up."""
    assert split_line(f"use {as_word(uid)} --as x", "%xinference", NAMES) == [
        *("use", uid, "--as", "x")
    ]


def test_a_failing_expression_is_named():
    with pytest.raises(PromptError, match="countri"):
        split_line("use {{countri}}", "%xinference", NAMES)


@pytest.mark.parametrize(
    ("uid", "word"),
    [("qwen2.5-instruct", "qwen2.5-instruct"), ("a b", '"a b"'), ('a"b?', "'a\"b?'")],
)
def test_a_uid_is_written_as_it_must_be_typed(uid, word):
    assert as_word(uid) == word
