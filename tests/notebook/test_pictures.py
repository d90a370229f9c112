"""What values look like to a model with image input."""

import base64
import io
import re

import numpy as np
import pytest
from IPython.display import Image as DisplayedImage
from matplotlib.figure import Figure
from PIL import Image

from xinference_magics.errors import PromptError
from xinference_magics.notebook.chatting.options import ChatOptions
from xinference_magics.notebook.command_line.arguments import Parser
from xinference_magics.notebook.prompt.attachments import attached
from xinference_magics.notebook.prompt.values import returned, shown
from xinference_magics.notes import collected_notes

RAMP = np.repeat(np.arange(64), 64).reshape(64, 64)
"""64 levels in an image of 64 x 64 pixels."""


def pixels(block):
    assert (block["type"], block["mime_type"]) == ("image", "image/png")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(block["base64"]))))


def image(value):
    """Attach `value` as with `--image img`; return its pixels, and the notes."""
    arguments = Parser("%chat", "", ChatOptions).parse(["--image", "img"])
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
        (65, ">u2"),  # 12 bits, from a camera
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
def test_64_levels_in_deep_pil_modes_arrive_as_64(mode, tmp_path):
    scale = 1 / 63 if mode == "F" else 1000
    dtype = {"I;16": "<u2", "I;16B": ">u2", "I": "<i4", "F": "<f4"}[mode]
    deep = Image.frombytes(mode, (64, 64), (RAMP * scale).astype(dtype).tobytes())
    with collected_notes():
        assert len(np.unique(pixels(shown(deep, "x")))) == 64
    assert len(np.unique(image(deep)[0])) == 64
    path = tmp_path / "scan.tif"
    deep.save(path)
    for option in ("--image", "--file"):
        arguments = Parser("%chat", "", ChatOptions).parse([option, str(path)])
        with collected_notes():
            [block] = attached(arguments, {})
        assert len(np.unique(pixels(block))) == 64
        assert block["extras"] == {"name": "scan.tif"}
    assert len(np.unique(image(path.read_bytes())[0])) == 64


def test_a_file_that_every_engine_reads_is_sent_unchanged(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (9, 9), "red").save(path)
    [block] = attached(Parser("%chat", "", ChatOptions).parse(["--image", str(path)]), {})
    assert base64.b64decode(block["base64"]) == path.read_bytes()
    broken = tmp_path / "b.png"
    broken.write_bytes(b"I am no image")
    [block] = attached(Parser("%chat", "", ChatOptions).parse(["--image", str(broken)]), {})
    assert base64.b64decode(block["base64"]) == b"I am no image"


def test_a_picture_shown_from_a_file_is_converted_like_the_file(tmp_path):
    path = tmp_path / "i16.png"
    Image.fromarray((RAMP * 1000).astype("uint16")).save(path)
    drawn, notes = image(DisplayedImage(filename=str(path)))
    assert (drawn.dtype, len(np.unique(drawn))) == (np.uint8, 64)
    assert notes == ["img: values were scaled, 0 to black and 63,000 to white."]
    with collected_notes():
        assert (pixels(shown(DisplayedImage(filename=str(path)), "x")) == drawn).all()


def test_the_usual_brightness_is_kept():
    assert image(np.full((9, 9), 0.5))[0].tolist() == [[128] * 9] * 9
    assert image(np.full((9, 9), 200.0))[0].tolist() == [[200] * 9] * 9
    assert image(np.eye(9) == 1)[0].max() == 255
    drawn, notes = image(np.zeros((9, 9), bool))
    assert (drawn.max(), notes) == (0, [])
    half = np.zeros((9, 9, 3))
    half[..., 0] = 0.5
    assert image(half)[0][0, 0].tolist() == [128, 0, 0]
    assert image(half * 255)[0][0, 0].tolist() == [128, 0, 0]


def test_other_brightness_is_stretched_with_a_note():
    drawn, notes = image((RAMP * 1000).astype("uint16"))
    assert (drawn.min(), drawn.max()) == (0, 255)
    assert notes == ["img: values were scaled, 0 to black and 63,000 to white."]
    drawn, notes = image(0.9 + RAMP / 630)
    assert len(np.unique(drawn)) == 64
    assert notes == ["img: values were scaled, 0.9 to black and 1 to white."]
    drawn, notes = image(200.5 + RAMP / 2)
    assert len(np.unique(drawn)) == 64
    assert notes == ["img: values were scaled, 200.5 to black and 232 to white."]
    drawn, notes = image(150 + RAMP)  # whole numbers stay apart anyway
    assert (drawn.min(), drawn.max(), notes) == (150, 213, [])
    drawn, notes = image(RAMP / 63 - 0.5)
    assert (drawn.min(), drawn.max()) == (0, 255)
    assert notes == ["img: values were scaled, -0.5 to black and 0.5 to white."]
    drawn, notes = image(np.full((9, 9), 7))
    assert drawn.tolist() == [[0] * 9] * 9
    assert notes == ["img: all pixels are 7; drawn black."]


def test_nan_and_infinity_are_black_with_a_note():
    array = np.full((9, 9), 0.5)
    array[0, :3] = [np.nan, np.inf, -np.inf]
    drawn, notes = image(array)
    assert drawn[0, :4].tolist() == [0, 0, 0, 128]
    assert notes == ["img: 3 pixels that are NaN or infinite were drawn black."]
    assert image(np.full((9, 9), np.nan))[0].max() == 0
    array[0, 1:] = 0.5
    assert image(array)[1] == ["img: 1 pixel that is NaN or infinite was drawn black."]


def test_rows_and_columns_of_numbers_are_numbers_unless_attached_as_an_image():
    assert isinstance(shown(RAMP[:20, :20].astype("uint8"), "x"), str)
    for array in (np.array([["a", "b"]]), np.zeros((9, 9, 7))):
        said = f"--image img: an ndarray of shape {array.shape} is not an image. Pass a file, a URL"
        with pytest.raises(PromptError, match=re.escape(said)):
            image(array)
    with pytest.raises(PromptError, match=r"--image img: a list is not an image\."):
        image([[1, 2]])


def test_a_tensor_that_numpy_cannot_read_is_not_an_image():
    class Tensor:
        """Like a torch tensor that requires a gradient."""

        shape, dtype = (9, 9), "float32"

        def __array__(self, *_args, **_kwargs):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    with pytest.raises(PromptError, match=r"a Tensor of shape \(9, 9\) is not an image"):
        image(Tensor())


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64"])
def test_numbers_that_could_be_brightness_are_a_picture_with_a_note(dtype):
    numbers = np.full((9, 9, 3), 100, dtype)
    said = "x: sent as a picture; .tolist() sends the numbers."
    with collected_notes() as notes:
        assert pixels(shown(numbers, "x")).max() == 100
    assert notes == [said]
    assert image(numbers)[1] == []
    with collected_notes() as notes:
        shown(numbers.astype("uint8"), "x")
    assert notes == []


def test_numbers_that_cannot_be_brightness_are_not_a_picture():
    assert isinstance(shown(np.full((9, 9, 3), -1.0), "x"), str)
    assert isinstance(shown(np.full((9, 9, 3), "a"), "x"), str)


def test_a_tool_result_is_a_picture_for_a_model_with_image_input():
    drawing = Image.new("RGB", (9, 9), "red")
    words, block = returned(drawing, sees=True)
    assert words["text"] == "Image, as a picture:"
    assert block["mime_type"] == "image/png"
    assert returned(drawing, sees=False) == "[Image: a picture, which this model cannot see]"
