"""What a value of the notebook looks like to a model: text, or a picture."""

from __future__ import annotations

import base64
import contextlib
import inspect
import io
import pprint
import traceback
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Block: TypeAlias = dict[str, Any]
"""One of LangChain's standard content blocks."""

LONGEST = 20_000
"""Characters after which a value is cut, with a note."""
_ROWS = 30
_COLUMNS = 30
_MODES = {"1", "L", "LA", "P", "RGB", "RGBA"}  # of PIL, that a PNG can hold
_SMALLEST_IMAGE = 8  # pixels each way; what is smaller is a table of numbers


def shown(value: object) -> str | Block:
    """Turn a value into what a model is given.

    Text stays as it is. Figures and images become pictures. Tables and arrays are written with
    their shape, functions and classes as their source, exceptions with their traceback. What is
    long is cut, with a note.
    """
    if isinstance(value, str):
        return value
    return picture(value) or cut(_text(value))


def returned(value: object, *, sees: bool) -> str | list[Block]:
    """Turn what a tool has returned into what the model reads of it.

    Args:
        value: A figure or an image becomes a picture, anything else text.
        sees: Whether the model takes pictures; one that does not is told of them.
    """
    from xinference_magics.chat.toolbox import as_text

    drawn = picture(value)
    if drawn is None:
        return as_text(value, lambda other: cut(_text(other)))
    kind = type(value).__name__
    if not sees:
        return f"[{kind}: a picture, which this model cannot see]"
    return [{"type": "text", "text": f"{kind}, as a picture:"}, drawn]


def _text(value: Any) -> str:
    for describe in _DESCRIPTIONS:
        text = describe(value)
        if text is not None:
            return text
    if isinstance(value, dict | list | tuple | set | frozenset):
        return pprint.pformat(value, sort_dicts=False, width=100)
    return str(value)


def cut(text: str, longest: int = LONGEST) -> str:
    """Cut a text after so many characters, with a note."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\n[cut: {len(text):,} characters]"


def picture(value: Any) -> Block | None:
    """Draw what can be seen, as PNG or JPEG: figures, images, arrays of pixels."""
    data, kind = (b"", "") if isinstance(value, type) else _pixels(value)
    if not data:
        return None
    encoded = base64.b64encode(data).decode("ascii")
    return {"type": "image", "base64": encoded, "mime_type": f"image/{kind}"}


def _pixels(value: Any) -> tuple[bytes, str]:
    if callable(getattr(value, "savefig", None)):  # matplotlib
        return _saved(lambda file: value.savefig(file, format="png", bbox_inches="tight")), "png"
    if callable(getattr(value, "to_image", None)) and hasattr(value, "to_plotly_json"):
        return bytes(value.to_image(format="png")), "png"
    if callable(getattr(value, "save", None)) and hasattr(value, "getbands"):  # PIL
        drawn = value if value.mode in _MODES else value.convert("RGB")
        return _saved(lambda file: drawn.save(file, format="PNG")), "png"
    if _is_pixels(value):
        return _from_array(value), "png"
    for name, kind in (("_repr_png_", "png"), ("_repr_jpeg_", "jpeg")):
        data = _repr_of(value, name)
        if data:
            return data, kind
    return b"", ""


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _repr_of(value: Any, name: str) -> bytes:
    """Ask for the picture that IPython would show."""
    if isinstance(value, type) or not callable(show := getattr(value, name, None)):
        return b""
    data = show()
    data = data[0] if isinstance(data, tuple) else data
    if isinstance(data, str):
        return base64.b64decode(data)
    return data if isinstance(data, bytes) else b""


def _is_pixels(value: Any) -> bool:
    """Tell an image from other arrays: bytes in rows, columns and three or four colours."""
    shape: Any = getattr(value, "shape", ())
    return (
        str(getattr(value, "dtype", "")) == "uint8"
        and len(shape) == 3  # noqa: PLR2004
        and shape[2] in {3, 4}
        and min(shape[:2]) >= _SMALLEST_IMAGE
    )


def _from_array(value: Any) -> bytes:
    """Write an array as PNG, with the standard library's zlib."""
    import struct
    import zlib

    height, width, colours = value.shape
    rows = b"".join(b"\0" + value[row].tobytes() for row in range(height))

    def part(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    form = 2 if colours == 3 else 6  # noqa: PLR2004
    head = struct.pack(">IIBBBBB", width, height, 8, form, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", head)
        + part(b"IDAT", zlib.compress(rows))
        + part(b"IEND", b"")
    )


def _table(value: Any) -> str | None:
    """Write a DataFrame or Series of pandas, or a DataFrame of polars, as CSV."""
    if not (hasattr(value, "shape") and callable(getattr(value, "head", None))):
        return None
    kind, rows = type(value).__name__, value.shape[0]
    columns = value.shape[1] if len(value.shape) > 1 else 1
    head = value.head(_ROWS)
    if columns > _COLUMNS:
        head = head.iloc[:, :_COLUMNS] if hasattr(head, "iloc") else head[:, :_COLUMNS]
    is_cut = rows > _ROWS or columns > _COLUMNS
    note = f", of which the first {min(rows, _ROWS)} and {min(columns, _COLUMNS)}" if is_cut else ""
    csv = head.to_csv() if hasattr(head, "to_csv") else head.write_csv()
    return f"{kind} of {rows:,} rows and {columns} columns{note}:\n{csv}"


def _array(value: Any) -> str | None:
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return None
    return f"{type(value).__name__} of shape {tuple(value.shape)}, {value.dtype}:\n{value}"


def _source(value: Any) -> str | None:
    if not isinstance(value, FunctionType | MethodType | type):
        return None
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return _signature(value)


def _signature(value: Any) -> str:
    name = getattr(value, "__qualname__", repr(value))
    with contextlib.suppress(TypeError, ValueError):
        name += str(inspect.signature(value))
    return "\n".join(filter(None, [name, inspect.getdoc(value)]))


def _module(value: Any) -> str | None:
    if not isinstance(value, ModuleType):
        return None
    names = [name for name in dir(value) if not name.startswith("_")]
    about = (inspect.getdoc(value) or "").strip()
    return f"module {value.__name__}\n{about}\nnames: {', '.join(names)}"


def _exception(value: Any) -> str | None:
    if not isinstance(value, BaseException):
        return None
    return "".join(traceback.format_exception(value)).strip()


def _callable(value: Any) -> str | None:
    return _signature(value) if inspect.isroutine(value) else None


_DESCRIPTIONS = (_exception, _source, _module, _table, _array, _callable)
