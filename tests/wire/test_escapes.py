"""Surrogate pairs, which engines send as two escapes token by token, and unpaired surrogates."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinference_magics.wire.shapes import Escapes, whole_characters, whole_escapes

HARD = st.sampled_from(["\ud83d", "\ude00", "😀", "\\", '"', "u", "d83d", "ude00", "a", "\n"])


def fed(pieces):
    escapes = Escapes()
    return [*map(escapes.feed, pieces), escapes.end()]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (r"\ud83d\ude00", r"\ud83d\ude00"),
        (r"\uD83D\uDE00!", r"\uD83D\uDE00!"),
        (r"\ud83d", r"\ufffd"),
        (r"\ude00\ud83d", r"\ufffd\ufffd"),
        (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
        (r"\ud83d\n\ude00", r"\ufffd\n\ufffd"),
        (r"\\ud83d", r"\\ud83d"),
        (r"\\\ud83d", r"\\\ufffd"),
        (r"\\\\ude00\ude00", r"\\\\ude00\ufffd"),
        (r"\u00fc\u4e16", r"\u00fc\u4e16"),
        ("\\ud8", "\\ud8"),
        ("\\", "\\"),
    ],
)
def test_unpaired_surrogates_are_replaced_at_every_cut(text, whole):
    assert whole_escapes(text) == whole
    for cut in range(len(text) + 1):
        assert "".join(fed([text[:cut], text[cut:]])) == whole
    assert "".join(fed(text)) == whole


@given(st.lists(HARD).map("".join), st.data())
def test_output_never_ends_within_a_character(value, data):
    text = json.dumps(value)
    cuts = data.draw(st.lists(st.integers(0, len(text))).map(sorted))
    pieces = fed(text[begin:end] for begin, end in pairwise([0, *cuts, len(text)]))
    assert json.loads("".join(pieces)) == whole_characters(value)
    said = ""
    for piece in pieces[:-1]:
        said += piece
        if len(said) > 1 and said != "".join(pieces):
            json.loads(said + '"').encode()


def test_only_the_end_of_a_piece_waits():
    assert fed(["abc", r"d\ud83d", "e"]) == ["abc", "d", r"\ufffde", ""]
    assert fed([r"a\nb\n", "c"]) == [r"a\nb\n", "c", ""]
