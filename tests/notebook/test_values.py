"""What values look like to a model as text; shortening is also reported to the user."""

import base64
import math
from collections import Counter, OrderedDict, defaultdict, deque
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from IPython.display import HTML, Markdown
from PIL import Image

from xinference_magics.notebook.prompt.expand import expand
from xinference_magics.notebook.prompt.values import MAX_CHARS, cut, returned, shown
from xinference_magics.notes import collected_notes


def noted(value, name="x"):
    with collected_notes() as notes:
        return shown(value, name), notes


class Long:
    def __str__(self):
        return "abcde" * 10_000


class Point(NamedTuple):
    x: float
    y: list[float]


class Secret(NamedTuple):
    word: str

    def __repr__(self):
        return "<a secret>"


def written():
    """Is read below."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{{x}} $y", "{{x}} $y"),
        (3, "3"),
        (2.5, "2.5"),
        (0.1 + 0.2, "0.30000000000000004"),  # one number is exact
        (np.float64(0.25), "0.25"),
        (None, "None"),
        ({"b": 1, "a": [2]}, "{'b': 1, 'a': [2]}"),
        (Markdown("# A title"), "# A title"),
        (HTML("<b>bold</b>"), "<b>bold</b>"),
        (Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        ([0.1 + 0.2, np.float64(0.5), np.float32(0.1), True, 12345678], None),
        (pd.Timestamp("2026-01-02"), "2026-01-02 00:00:00"),
        (Counter(a=1 / 3, b=2 / 3), "Counter({'b': 0.666667, 'a': 0.333333})"),
        (Counter({1: 1, "a": "b"}), "Counter({1: 1, 'a': 'b'})"),  # these have no order
        (defaultdict(float, a=1 / 3), "defaultdict({'a': 0.333333})"),
        (OrderedDict(a=1 / 3), "OrderedDict({'a': 0.333333})"),
        (deque([1 / 3, deque()], maxlen=3), "deque([0.333333, deque([])])"),
        ({1 / 3}, "{0.333333}"),
        ([set(), frozenset(), frozenset({1 / 3})], "[set(), frozenset(), frozenset({0.333333})]"),
        ({"x": Counter(a=1 / 3)}, "{'x': Counter({'a': 0.333333})}"),
        (Point(1 / 3, [2 / 3]), "Point(x=0.333333, y=[0.666667])"),
        (
            list(pd.DataFrame({"a": [1 / 3], "b": ["c"]}).itertuples()),
            "[Pandas(Index=0, a=0.333333, b='c')]",
        ),
        ([Secret("x")], "[<a secret>]"),
        ([1j / 3], "[0+0.333333j]"),
    ],
)
def test_simple_values_are_written_as_printed(value, text):
    assert noted(value) == (text or "[0.3, 0.5, 0.1, True, 12345678]", [])


@pytest.mark.parametrize("kind", [OrderedDict, Counter, partial(defaultdict, None)])
def test_long_dict_subclasses_are_written_like_dicts(kind):
    held = {f"a long key {i}": 1 / 3 for i in range(9)}
    made = kind(held)
    assert noted(made) == (f"{type(made).__name__}({noted(held)[0]})", [])
    assert noted(deque(held)) == (f"deque({noted(list(held))[0]})", [])


def test_a_long_deque_is_shortened():
    text, notes = noted(deque(range(3_000)), "d")
    assert text.startswith("deque (first 2,000 of 3,000 items):\n[0, 1, 2, ")
    assert notes == ["d: first 2,000 of 3,000 items sent."]


def test_a_value_that_contains_itself_is_written_once():
    held = deque([1])
    held.append(held)
    assert noted([held])[0] == "[deque([1, deque(...)])]"


def test_a_table_has_its_shape_and_its_first_rows():
    frame = pd.DataFrame({"city": ["Paris", "Rome"], "count": [1, 2]})
    text = "DataFrame of 2 rows and 2 columns:\n,city,count\n0,Paris,1\n1,Rome,2\n"
    assert noted(frame) == (text, [])
    assert noted(frame["city"]) == ("Series of 2 rows:\n,city\n0,Paris\n1,Rome\n", [])
    assert noted(frame[:1][["count"]])[0] == "DataFrame of 1 row and 1 column:\n,count\n0,1\n"


@pytest.mark.parametrize(
    ("rows", "columns", "part"),
    [
        (60, 5, "first 30 of 60 rows"),
        (5, 40, "first 30 of 40 columns"),
        (5_000, 40, "first 30 of 5,000 rows and first 30 of 40 columns"),
    ],
)
def test_shortening_a_large_table_is_reported_to_model_and_user(rows, columns, part):
    text, notes = noted(pd.DataFrame(np.zeros((rows, columns))), "df")
    assert text.startswith(f"DataFrame of {rows:,} rows and {columns} columns ({part}):\n")
    assert len(text.splitlines()) == 2 + min(rows, 30)
    assert text.splitlines()[-1].count(",") == min(columns, 30)
    assert notes == [f"df: {part} sent."]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.6369616873214543, "0.636962"),
        (-0.0000123456789, "-1.23457e-05"),
        (1234567.891, "1234567.89"),
        (2161000.0, "2161000"),
        (1e-300, "1e-300"),
        (-123.456789, "-123.457"),
        (99999.999, "100000"),
        (1e20, "1e+20"),
        (math.inf, "inf"),
    ],
)
def test_floats_have_six_digits(number, text):
    assert shown([number], "x") == f"[{text}]"
    assert f"\n0,{text}\n" in shown(pd.Series([number]), "x")
    assert f"\n0,{text}\n" in shown(pd.Series([number], dtype="Float64"), "x")
    assert shown(np.array([number]), "x").endswith(f":\n[{text}]")


def test_integers_and_missing_values_are_exact():
    frame = pd.DataFrame({"id": [12345678901234567, 2], "share": [None, 0.5]})
    assert noted(frame)[0].endswith(":\n,id,share\n0,12345678901234567,\n1,2,0.5\n")
    assert noted(np.array([12345678901234567]))[0].endswith("[12345678901234567]")


def test_polars_tables():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [0.6369616873214543, None], "b": ["x,y", "z"], "c": [[1, 2], [3]]})
    text = 'DataFrame of 2 rows and 3 columns:\na,b,c\n0.636962,"x,y","[1, 2]"\n,z,[3]\n'
    assert noted(frame) == (text, [])
    assert noted(frame["b"]) == ('Series of 2 rows:\nb\n"x,y"\nz\n', [])
    assert noted(pl.DataFrame({"a": range(60)}))[1] == ["x: first 30 of 60 rows sent."]


def test_an_array_has_its_shape():
    start = "ndarray of shape (2, 2), float64:\n[[0 0]\n [0 0.333333]]"
    assert noted(np.array([[0, 0], [0, 1 / 3]])) == (start, [])
    with np.printoptions(threshold=2, precision=1):  # the user's own options, ignored here
        assert noted(np.array([[0, 0], [0, 1 / 3]])) == (start, [])
    text, notes = noted(np.zeros((1000, 1000)), "weights")
    part = "first and last 3 values along each axis of (1000, 1000)"
    assert text.startswith(f"ndarray of shape (1000, 1000), float64 ({part}):\n[[0 0 0 ... 0 0 0]")
    assert len(text) < 400
    assert notes == [f"weights: only the {part} were sent."]


def test_arrays_that_numpy_does_not_know_are_written_as_printed():
    class Tensor:
        shape, dtype = (9000,), "bfloat16"

        def __array__(self, *_args, **_kwargs):
            raise TypeError("Got unsupported ScalarType BFloat16")

        def __str__(self):
            return "tensor([1, ..., 9])"

    text, notes = noted(Tensor())
    assert text == "Tensor of shape (9000,), bfloat16 (excerpt):\ntensor([1, ..., 9])"
    assert notes == ["x: only an excerpt was sent."]


def test_functions_classes_modules_and_exceptions():
    assert shown(written, "x") == 'def written():\n    """Is read below."""\n'
    assert shown(len, "x").startswith("len(obj, /)\nReturn the number of items")
    assert "class Counter(dict):" in shown(Counter, "x")
    assert "module base64" in shown(base64, "x")
    with pytest.raises(KeyError) as raised:
        {}["absent"]
    assert "KeyError: 'absent'" in shown(raised.value, "x")
    assert '{}["absent"]' in shown(raised.value, "x")


@pytest.mark.parametrize("kind", [list, tuple, set, dict])
def test_the_first_items_of_a_large_collection_are_sent(kind):
    pairs = [(number, number) for number in range(100_000)]
    text, notes = noted(kind(pairs), "x")
    assert text.startswith(f"{kind.__name__} (first 2,000 of 100,000 items):\n")
    assert notes[0] == "x: first 2,000 of 100,000 items sent."
    assert len(text) < MAX_CHARS + 100


FIRST = "first and last 3 values along each axis of (5000,)"


@pytest.mark.parametrize(
    ("value", "written", "notes"),
    [
        (
            [np.arange(5000)],
            f"ndarray of shape (5000,), int64 ({FIRST}):\n[   0    1    2 ... 4997 4998 4999]",
            [f"x: ndarray inside it: only the {FIRST} were sent."],
        ),
        (
            {"a": {"b": pd.Series(range(60))}},
            "Series of 60 rows (first 30 of 60 rows):\n,0\n0,0\n",
            ["x: Series inside it: first 30 of 60 rows sent."],
        ),
        ([pd.DataFrame({"a": [1]})], "[DataFrame of 1 row and 1 column:\n,a\n0,1\n]", []),
        ((np.array(5), np.int64(3), np.array([1, 2])), "(5, 3, ndarray of shape (2,), int64:", []),
        (
            [Image.new("L", (9, 9))],
            "[[Image: a picture, which is not in this text]]",
            ["x: Image inside it not sent, because it is a picture: insert it on its own."],
        ),
        ([pd.DataFrame, Image.Image], "[<class 'pandas", []),
        (
            [np.arange(number) for number in (2000, 3000, 4000)],
            "ndarray of shape (3000,)",
            [
                f"x: ndarray inside it: only the {FIRST.replace('5000', '2000')} were sent.",
                "x: 2 more like it.",
            ],
        ),
    ],
)
def test_items_of_a_collection_are_written_as_on_their_own(value, written, notes):
    text, said = noted(value)
    assert written in text
    assert said == notes


def test_cutting_a_long_value_is_reported_to_model_and_user():
    text, notes = noted(Long())
    assert text == "abcde" * 4_000 + "\n[first 20,000 of 50,000 characters]"
    assert notes == ["x: first 20,000 of 50,000 characters sent."]


def test_the_end_of_a_traceback_is_sent():
    text, notes = noted(ValueError(f"{'long ' * 10_000} the reason"))
    assert text.endswith("the reason")
    assert text.startswith("[last 20,000 of 50,")
    assert notes[0].startswith("x: last 20,000 of 50,")


def test_text_is_never_cut():
    assert noted("x" * 1_000_000) == ("x" * 1_000_000, [])
    assert cut("abc", "x", 3) == "abc"


def test_a_note_names_the_expression_in_one_line():
    names = {"frame": pd.DataFrame({"a": range(60)})}
    with collected_notes() as notes:
        expand(
            "{{frame}} {{frame [\n   'a'\n]}} {{frame.assign(b=1, c=2, d=3, e=4, f=5, g=6)}}", names
        )
    assert notes == [
        "frame: first 30 of 60 rows sent.",
        "frame [ 'a' ]: first 30 of 60 rows sent.",
        "frame.assign(b=1, c=2, d=3, e=4, f=5, g…: first 30 of 60 rows sent.",
    ]


def test_a_tool_result_is_text():
    assert returned({"a": [1, None]}, sees=True) == '{"a": [1, null]}'
    assert returned("as it is", sees=True) == "as it is"
    assert "DataFrame of 2 rows" in returned(pd.DataFrame({"a": [1, 2]}), sees=False)
    with collected_notes() as notes:
        returned(pd.DataFrame({"a": range(60)}), sees=True)
    assert notes == ["The DataFrame of a tool: first 30 of 60 rows sent."]
