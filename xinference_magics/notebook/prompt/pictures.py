"""Convert figures, images and arrays of pixels to PNG or JPEG.

Engines read 8 bits per channel and clip anything above, so 16-bit and 32-bit greys and floats would
arrive as black and white. They are converted here: on the scale of 0 to 1 or 0 to 255 if they are
bright enough for it and it keeps their levels apart, which takes a quarter of it for floats, and
otherwise on one from the smallest value in black to the largest in white, with a note.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any, TypeAlias

from xinference_magics.errors import PromptError
from xinference_magics.notes import note

if TYPE_CHECKING:
    from collections.abc import Callable

Block: TypeAlias = dict[str, Any]
"""A standard content block of LangChain."""

_MODES = {"1", "L", "LA", "P", "RGB", "RGBA"}  # PIL modes that a PNG can hold
_SIMILAR = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA"}
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # PNG's, by number of channels
_SMALLEST_IMAGE = 8  # pixels each way; a smaller array is a table of numbers


def picture(value: Any, name: str, *, grey: bool = False) -> Block | None:
    """Render a figure, image or array as PNG or JPEG; None for anything else.

    Args:
        value: A figure, an image, or an array of rows, columns and three or four channels.
        name: Its name in notes.
        grey: Whether rows and columns of numbers are an image, too.

    Raises:
        PromptError: Its greys need scaling, and numpy is not installed.
    """
    data, kind = (b"", "") if isinstance(value, type) else _drawn(value, name, grey=grey)
    if not data:
        return None
    return deep_picture(data, name) or _block(data, kind)


def deep_picture(data: bytes, name: str) -> Block | None:
    """Render the image of a file that has greys of more than 8 bits.

    Args:
        data: The file's content.
        name: Its name in notes.

    Returns:
        None for any other file, which an engine reads as it is, and if PIL is not installed.

    Raises:
        PromptError: Its greys need scaling, and numpy is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return picture(image, name) if _is_deep(image) else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # PIL cannot read it, but the server may


def _block(data: bytes, kind: str) -> Block:
    encoded = base64.b64encode(data).decode("ascii")
    return {"type": "image", "base64": encoded, "mime_type": f"image/{kind}"}


def _drawn(value: Any, name: str, *, grey: bool) -> tuple[bytes, str]:
    if _is_matplotlib(value):
        return _saved(lambda file: value.savefig(file, format="png", bbox_inches="tight")), "png"
    if _is_plotly(value):
        return bytes(value.to_image(format="png")), "png"
    if _is_pil(value):
        return _from_pil(value, name), "png"
    if _is_pixels(value, grey=grey):
        if not grey and not _is_of_bytes(_as_array(value)):
            note(f"{name}: sent as a picture; .tolist() sends the numbers.")
        return _png(eight_bits(value, name)), "png"
    for method, kind in (("_repr_png_", "png"), ("_repr_jpeg_", "jpeg")):
        data = _repr_of(value, method)
        if data:
            return data, kind
    return b"", ""


def is_drawing(value: Any) -> bool:
    """Return whether a value is a figure or an image of a drawing library."""
    if isinstance(value, type):
        return False
    return _is_matplotlib(value) or _is_plotly(value) or _is_pil(value)


def _is_matplotlib(value: Any) -> bool:
    return callable(getattr(value, "savefig", None))


def _is_plotly(value: Any) -> bool:
    return callable(getattr(value, "to_image", None)) and hasattr(value, "to_plotly_json")


def _is_pil(value: Any) -> bool:
    return callable(getattr(value, "save", None)) and hasattr(value, "getbands")


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _from_pil(image: Any, name: str) -> bytes:
    if _is_deep(image):
        return _png(eight_bits(image, name))
    if image.mode not in _MODES:
        image = image.convert(_SIMILAR.get(image.mode, "RGB"))
    return _saved(lambda file: image.save(file, format="PNG"))


def _is_deep(image: Any) -> bool:
    """Return whether a PIL image has 16-bit or 32-bit greys: modes I, I;16 and the like, and F."""
    return str(image.mode).startswith(("I", "F"))


def _repr_of(value: Any, method: str) -> bytes:
    """Return the picture that IPython would show."""
    if not callable(show := getattr(value, method, None)):
        return b""
    data = show()
    data = data[0] if isinstance(data, tuple) else data
    if isinstance(data, str):
        return base64.b64decode(data)
    return data if isinstance(data, bytes) else b""


def _is_pixels(value: Any, *, grey: bool) -> bool:
    """Return whether an array is an image: rows, columns and channels of plausible brightness."""
    shape: Any = getattr(value, "shape", ())
    if not (hasattr(value, "dtype") and len(shape) in {2, 3} and min(shape[:2]) > 0):
        return False
    if grey and (len(shape) == 2 or shape[2] in _COLOUR_TYPES):  # noqa: PLR2004
        array = _as_array(value)
        return array is not None and array.dtype.kind in "buif"
    return (
        len(shape) == 3  # noqa: PLR2004
        and shape[2] in {3, 4}
        and min(shape[:2]) >= _SMALLEST_IMAGE
        and _looks_bright(_as_array(value))
    )


def _looks_bright(array: Any) -> bool:
    """Return whether numbers may be channels: of 8 or 16 bits, or other numbers from 0 to 255."""
    if array is None or array.dtype.kind not in "uif":
        return False
    return _is_of_bytes(array) or bool(((array >= 0) & (array <= 255)).all())  # noqa: PLR2004


def _is_of_bytes(array: Any) -> bool:
    """Return whether an array has the type of an image: unsigned, 8 or 16 bits per channel."""
    return bool(array.dtype.kind == "u" and array.dtype.itemsize <= 2)  # noqa: PLR2004


def _as_array(value: Any) -> Any:
    """Convert a value to a numpy array; None if that is not possible."""
    try:
        import numpy as np

        return np.asarray(value)
    except Exception:  # noqa: BLE001  # a GPU tensor, for example, then isn't an image
        return None


def eight_bits(value: Any, name: str) -> Any:
    """Scale brightness to bytes.

    Args:
        value: Booleans, integers or floats that numpy can make an array of. Non-finite values
            become black.
        name: Its name in notes.

    Returns:
        An array of uint8 of the same shape.

    Raises:
        PromptError: numpy is not installed.
    """
    try:
        import numpy as np
    except ImportError:
        raise PromptError(f"Drawing {name} needs numpy.", hint="%pip install numpy") from None
    array = np.asarray(value)
    if array.dtype == np.uint8:
        return array
    finite = np.isfinite(array)
    numbers = np.where(finite, array, np.nan).astype(float)
    low, high = _range(array[finite], name)
    scaled = (numbers - low) * (255 / ((high - low) or 1))
    if not finite.all():
        note(_said_of_others(name, int(array.size - finite.sum())))
    return np.rint(np.nan_to_num(scaled)).clip(0, 255).astype(np.uint8)


def _range(numbers: Any, name: str) -> tuple[float, float]:
    """Choose the values for black and white, with a note if they are not the usual ones."""
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
    if numbers.dtype.kind == "b":
        return 0.0, 1.0
    of_floats = numbers.dtype.kind == "f"
    full = 1.0 if of_floats and high <= 1 else 255.0
    apart = not of_floats or low == high or high - low >= full / 4  # 64 levels stay 64
    if low >= 0 and full / 4 <= high <= full and apart:
        return 0.0, full
    if low == high:
        note(f"{name}: all pixels are {low:,g}; drawn black.")
    else:
        note(f"{name}: values were scaled, {low:,g} to black and {high:,g} to white.")
    return low, high


def _said_of_others(name: str, count: int) -> str:
    some = "1 pixel that is" if count == 1 else f"{count:,} pixels that are"
    return f"{name}: {some} NaN or infinite {'was' if count == 1 else 'were'} drawn black."


def _png(array: Any) -> bytes:
    """Encode an array of bytes as PNG, using the standard library's zlib."""
    height, width = array.shape[:2]
    channels = array.shape[2] if array.ndim > 2 else 1  # noqa: PLR2004
    rows = b"".join(b"\0" + array[row].tobytes() for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
