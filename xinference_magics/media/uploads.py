"""Files to send to a model, from whatever form a user has them in."""

from __future__ import annotations

import io
import mimetypes
from pathlib import Path

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.uploads import Upload


def upload(value: object, what: str) -> Upload:
    """Return the file that `value` is.

    Args:
        value: A path, bytes, an open file, a picture of Pillow, or a value of this package.
        what: What it should be, for errors, such as ``a sound``.

    Raises:
        BadRequestError: It is nothing of the kind, or cannot be read.
    """
    if isinstance(value, Upload):
        return value
    if isinstance(data := getattr(value, "data", value), bytes | bytearray):
        return Upload(bytes(data), getattr(value, "mime_type", Upload.mime_type))
    if isinstance(value, str | Path):
        return _opened(Path(value).expanduser())
    if callable(read := getattr(value, "read", None)):
        return Upload(bytes(read()))
    if callable(save := getattr(value, "save", None)) and hasattr(value, "getbands"):
        file = io.BytesIO()
        save(file, format="PNG")
        return Upload(file.getvalue(), "image/png")
    raise BadRequestError(
        f"{type(value).__name__} is not {what}.", hint="Pass a path, bytes or an open file."
    )


def _opened(path: Path) -> Upload:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRequestError(f"{path} cannot be read: {error.strerror}.") from error
    return Upload(data, mimetypes.guess_type(path.name)[0] or Upload.mime_type, path.name)
