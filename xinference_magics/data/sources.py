"""Recognise any kind of data."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

from xinference_magics.data.files import rows_of_file
from xinference_magics.data.rows import Columns, Data, HuggingFace, Listed, frame_of
from xinference_magics.errors import NotebookError


def data_of(data: Any) -> Data:  # noqa: PLR0911  # one for each kind
    """Return any kind of data as rows.

    Args:
        data: A data frame, a series, a list, a dict of columns, a dataset, any other iterable, or
            the path of a CSV, JSONL or Parquet file.

    Raises:
        NotebookError: It is nothing of the kind, or a file that cannot be read.
    """
    if isinstance(data, Data):
        return data
    if isinstance(data, str | PathLike):
        return rows_of_file(data)
    if isinstance(data, Mapping):
        return _of_mapping(data)
    if isinstance(data, list | tuple | range | set | frozenset):
        return Listed(data, kept=True)
    if "datasets" in sys.modules and isinstance(data, sys.modules["datasets"].Dataset):
        return HuggingFace(data)
    if (frame := frame_of(data)) is not None:
        return frame
    if hasattr(data, "__array__") and hasattr(data, "tolist"):
        return Listed(data.tolist(), kept=True)
    if isinstance(data, Iterable) and not isinstance(data, bytes | bytearray):
        return Listed(data)
    raise NotebookError(
        f"A value of type {type(data).__name__} has no rows.",
        hint="Pass a data frame, a list, an iterable, or the path of a CSV, JSONL or Parquet file.",
    )


def _of_mapping(data: Mapping[Any, Any]) -> Data:
    columns = list(data.values())
    if any(hasattr(each, "column_names") for each in columns):
        raise NotebookError(
            "This holds several datasets.", hint=f"Pass one of them: {', '.join(map(str, data))}."
        )
    plain = all(isinstance(name, str) for name in data) and all(map(_is_column, columns))
    if not data or not plain or len(set(map(len, columns))) != 1:
        raise NotebookError(
            "A dict is data only if its values are columns of one length.",
            hint="Pass a list of rows, such as list(NAME.items()).",
        )
    return Columns(data)


def _is_column(value: Any) -> bool:
    return isinstance(value, list | tuple) or (
        hasattr(value, "__array__") and hasattr(value, "__len__")
    )
