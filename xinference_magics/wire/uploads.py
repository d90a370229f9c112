"""Files in a request body, and the body as the fields and files of a form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Upload:
    """A file to send.

    Attributes:
        data: Its content.
        mime_type: Its MIME type.
        name: A file name; the server goes by the content.
    """

    data: bytes = field(repr=False)
    mime_type: str = "application/octet-stream"
    name: str = "file"


def form(body: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, Upload]]]:
    """Split a body into the fields and the files of a form; a list is a field for each item."""
    fields, files = [], []
    for name, value in body.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Upload):
                files.append((name, each))
            elif each is not None:
                fields.append((name, each if isinstance(each, str) else json.dumps(each)))
    return fields, files
