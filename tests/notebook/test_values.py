"""What values look like to a model."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from xinference_magics.notebook.values import LONGEST, returned, shown


def pixels(block):
    assert (block["type"], block["mime_type"]) == ("image", "image/png")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(block["base64"]))))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{{x}} $y", "{{x}} $y"),
        (3, "3"),
        (2.5, "2.5"),
        (None, "None"),
        ({"b": 1, "a": [2]}, "{'b': 1, 'a': [2]}"),
        (pd.Timestamp("2026-01-02"), "2026-01-02 00:00:00"),
    ],
)
def test_simple_values_are_as_they_print(value, text):
    assert shown(value) == text


def test_a_table_has_its_shape_and_its_first_rows():
    frame = pd.DataFrame({"city": ["Paris", "Rome"], "count": [1, 2]})
    assert shown(frame) == "DataFrame of 2 rows and 2 columns:\n,city,count\n0,Paris,1\n1,Rome,2\n"
    long = shown(pd.DataFrame(np.zeros((100, 40))))
    assert long.startswith("DataFrame of 100 rows and 40 columns, of which the first 30 and 30:\n")
    assert len(long.splitlines()) == 32
    assert shown(frame["city"]).startswith("Series of 2 rows and 1 columns:\n")


def test_an_array_has_its_shape():
    assert shown(np.zeros((2, 2))).startswith("ndarray of shape (2, 2), float64:\n[[0. 0.]")
    assert len(shown(np.zeros(10**6))) < 200


def test_functions_classes_modules_and_exceptions():
    assert "def pixels(block):" in shown(pixels)
    assert shown(len).startswith("len(obj, /)\nReturn the number of items")
    assert "class Image:" in shown(Image.Image)
    assert "module base64" in shown(base64)
    with pytest.raises(KeyError) as raised:
        {}["absent"]
    assert "KeyError: 'absent'" in shown(raised.value)
    assert '{}["absent"]' in shown(raised.value)


def test_what_is_long_is_cut_with_a_note():
    text = shown(list(range(100_000)))
    assert text.endswith("characters]")
    assert len(text) < LONGEST + 100


def test_pictures_of_every_kind():
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 255
    assert (pixels(shown(red)) == red).all()
    assert (pixels(shown(Image.fromarray(red))) == red).all()
    assert pixels(shown(Image.new("CMYK", (9, 9)))).shape == (9, 9, 3)
    figure = Figure()
    figure.subplots().plot([1, 2])
    assert pixels(shown(figure)).shape[0] > 100
    assert isinstance(shown(np.zeros((2, 2, 3), np.uint8)), str)  # too small for a picture


def test_what_a_tool_returns_is_text_or_a_picture_for_a_model_that_sees():
    drawing = Image.new("RGB", (9, 9), "red")
    words, block = returned(drawing, sees=True)
    assert words["text"] == "Image, as a picture:"
    assert block["mime_type"] == "image/png"
    assert returned(drawing, sees=False) == "[Image: a picture, which this model cannot see]"
    assert returned({"a": [1, None]}, sees=True) == '{"a": [1, null]}'
    assert returned("as it is", sees=True) == "as it is"
    assert "DataFrame of 2 rows" in returned(pd.DataFrame({"a": [1, 2]}), sees=False)
