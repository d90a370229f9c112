"""What values look like to a model that sees."""

import base64
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from xinference_magics.errors import PromptError
from xinference_magics.notebook.arguments import Parser
from xinference_magics.notebook.attachments import attached
from xinference_magics.notebook.options import CHAT
from xinference_magics.notebook.values import returned, shown
from xinference_magics.notes import collected_notes

RAMP = np.repeat(np.arange(64), 64).reshape(64, 64)
"""64 levels, as in an image of 64 x 64."""


def pixels(block):
    assert (block["type"], block["mime_type"]) == ("image", "image/png")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(block["base64"]))))


def image(value):
    """Attach `value` as with `--image img`."""
    arguments = Parser("%chat", "", CHAT).parse(["--image", "img"])
    with collected_notes() as notes:
        [block] = attached(arguments, {"img": value})
    return pixels(block), notes


def test_pictures_of_every_kind():
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 255
    assert (pixels(shown(red, "x")) == red).all()
    assert (pixels(shown(Image.fromarray(red), "x")) == red).all()
    assert pixels(shown(Image.new("CMYK", (9, 9)), "x")).shape == (9, 9, 3)
    assert pixels(shown(Image.new("RGBA", (9, 9)).convert("RGBa"), "x")).shape == (9, 9, 4)
    figure = Figure()
    figure.subplots().plot([1, 2])
    assert pixels(shown(figure, "x")).shape[0] > 100
    assert isinstance(shown(np.zeros((2, 2, 3), np.uint8), "x"), str)  # too small for a picture


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [
        (1, "uint8"),
        (1000, "uint16"),
        (1, "uint16"),
        (65, ">u2"),  # 12 bits of a camera
        (10**7, "int32"),
        (10**7, "int64"),
        (1 / 63, "float64"),
        (1 / 63, "float16"),
        (255 / 63, "float32"),
        (1e-6, "float64"),
        (1e6, "float32"),
        (-1, "float64"),
    ],
)
def test_64_levels_of_grey_arrive_as_64(scale, dtype):
    array = (RAMP * scale).astype(dtype)
    for value in (array, array[..., None], np.stack([array] * 3, axis=-1)):
        drawn, _ = image(value)
        assert drawn.dtype == np.uint8
        assert len(np.unique(drawn)) == 64
        assert (np.diff(drawn.reshape(64, -1).mean(1)) * np.sign(scale) > 0).all()


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_64_levels_of_pil_s_deep_modes_arrive_as_64(mode, tmp_path):
    scale = 1 / 63 if mode == "F" else 1000
    dtype = {"I;16": "<u2", "I;16B": ">u2", "I": "<i4", "F": "<f4"}[mode]
    deep = Image.frombytes(mode, (64, 64), (RAMP * scale).astype(dtype).tobytes())
    with collected_notes():
        assert len(np.unique(pixels(shown(deep, "x")))) == 64
    assert len(np.unique(image(deep)[0])) == 64
    path = tmp_path / "scan.tif"
    deep.save(path)
    for option in ("--image", "--file"):
        arguments = Parser("%chat", "", CHAT).parse([option, str(path)])
        with collected_notes():
            [block] = attached(arguments, {})
        assert len(np.unique(pixels(block))) == 64
        assert block["extras"] == {"name": "scan.tif"}
    assert len(np.unique(image(path.read_bytes())[0])) == 64


def test_a_file_that_every_engine_reads_is_sent_as_it_is(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (9, 9), "red").save(path)
    [block] = attached(Parser("%chat", "", CHAT).parse(["--image", str(path)]), {})
    assert base64.b64decode(block["base64"]) == path.read_bytes()
    broken = tmp_path / "b.png"
    broken.write_bytes(b"I am no image")
    [block] = attached(Parser("%chat", "", CHAT).parse(["--image", str(broken)]), {})
    assert base64.b64decode(block["base64"]) == b"I am no image"


def test_brightness_is_kept_where_it_is_the_usual():
    assert image(np.full((9, 9), 0.5))[0].tolist() == [[128] * 9] * 9
    assert image(np.full((9, 9), 200.0))[0].tolist() == [[200] * 9] * 9
    assert image(np.eye(9) == 1)[0].max() == 255
    drawn, notes = image(np.zeros((9, 9), bool))
    assert (drawn.max(), notes) == (0, [])
    half = np.zeros((9, 9, 3))
    half[..., 0] = 0.5
    assert pixels(shown(half, "x"))[0, 0].tolist() == [128, 0, 0]
    assert pixels(shown(half * 255, "x"))[0, 0].tolist() == [128, 0, 0]


def test_other_brightness_is_stretched_which_is_noted():
    drawn, notes = image((RAMP * 1000).astype("uint16"))
    assert (drawn.min(), drawn.max()) == (0, 255)
    assert notes == ["img: drawn from 0 in black to 63,000 in white."]
    drawn, notes = image(RAMP / 63 - 0.5)
    assert (drawn.min(), drawn.max()) == (0, 255)
    assert notes == ["img: drawn from -0.5 in black to 0.5 in white."]
    assert image(np.full((9, 9), 7))[0].tolist() == [[0] * 9] * 9


def test_what_is_not_a_number_is_black_which_is_noted():
    array = np.full((9, 9), 0.5)
    array[0, :3] = [np.nan, np.inf, -np.inf]
    drawn, notes = image(array)
    assert drawn[0, :4].tolist() == [0, 0, 0, 128]
    assert notes == ["img: 3 pixels that are not numbers are black."]
    assert image(np.full((9, 9), np.nan))[0].max() == 0


def test_rows_and_columns_of_numbers_are_numbers_unless_attached_as_an_image():
    assert isinstance(shown(RAMP[:20, :20].astype("uint8"), "x"), str)
    with pytest.raises(PromptError, match="a ndarray is no image"):
        image(np.array([["a", "b"]]))
    with pytest.raises(PromptError, match="a ndarray is no image"):
        image(np.zeros((9, 9, 7)))


def test_numbers_that_are_no_brightness_are_no_picture():
    assert isinstance(shown(np.full((9, 9, 3), -1.0), "x"), str)
    assert isinstance(shown(np.full((9, 9, 3), "a"), "x"), str)


def test_what_a_tool_returns_is_a_picture_for_a_model_that_sees():
    drawing = Image.new("RGB", (9, 9), "red")
    words, block = returned(drawing, sees=True)
    assert words["text"] == "Image, as a picture:"
    assert block["mime_type"] == "image/png"
    assert returned(drawing, sees=False) == "[Image: a picture, which this model cannot see]"
