"""Format tables and arrays as text, limited to helpful amounts and significant digits."""

from __future__ import annotations

import csv
import io
import re
import sys
from dataclasses import dataclass, replace
from typing import Any

_ROWS = 30
_COLUMNS = 30
_VALUES = 1_000
"""Arrays of up to this many values are written in full."""
_EDGE = 3
"""Number of values written at each end of an axis of a larger array."""

_ELIDED = re.compile(r"\.\.\.|:\t:")
"""Marks of omitted values, in torch tensors and in scipy sparse matrices."""


@dataclass(frozen=True)
class Shortened:
    """A value as text, and which part of the value that is.

    Attributes:
        text: The text, which itself says if it is only a part.
        part: Such as ``first 30 of 60 rows``; empty if it is the whole value.
        notes: What to tell the user about the part.
    """

    text: str
    part: str = ""
    notes: tuple[str, ...] = ()


def digits(number: Any) -> str:
    """Format a float with six digits, but always its integer part in full and two decimals."""
    if not 1 <= abs(number) < 1e15:  # noqa: PLR2004  # beyond it, floats are inexact
        return f"{number:.6g}"
    decimals = max(2, 6 - len(str(int(abs(number)))))
    return f"{number:.{decimals}f}".rstrip("0").rstrip(".")


def table(value: Any) -> Shortened | None:
    """Format a pandas or polars DataFrame or Series as CSV; None for anything else."""
    frame = _frame(value)
    if frame is None:
        return None
    rows, columns = frame.shape
    head = frame.head(_ROWS)
    head = head.iloc[:, :_COLUMNS] if hasattr(head, "iloc") else head[:, :_COLUMNS]
    cut = [first_of(_ROWS, rows, "rows"), first_of(_COLUMNS, columns, "columns")]
    part = " and ".join(filter(None, cut))
    size = [_count(rows, "row"), *([_count(columns, "column")] if frame is value else [])]
    title = f"{type(value).__name__} of {' and '.join(size)}" + (f" ({part})" if part else "")
    return Shortened(f"{title}:\n{_csv(head)}", part, (f"{part} sent",) if part else ())


def _frame(value: Any) -> Any:
    """Return a DataFrame unchanged and a Series as a DataFrame; None for anything else."""
    if not (hasattr(value, "shape") and callable(getattr(value, "head", None))):
        return None
    if hasattr(value, "to_csv") and hasattr(value, "columns"):
        return value
    if hasattr(value, "write_csv"):
        return value
    return value.to_frame() if callable(getattr(value, "to_frame", None)) else None


def _csv(frame: Any) -> str:
    if hasattr(frame, "to_csv"):  # pandas
        return str(frame.to_csv(float_format=digits))
    # polars' own write_csv counts decimals instead of digits, and rejects lists.
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([_cell(value) for value in row] for row in frame.iter_rows())
    return file.getvalue()


def _cell(value: Any) -> Any:
    return digits(value) if isinstance(value, float) else value


def first_of(limit: int, there: int, what: str) -> str:
    """Describe which part of a table or collection is written; empty if all of it is."""
    return f"first {limit:,} of {there:,} {what}" if there > limit else ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def array(value: Any) -> Shortened | None:
    """Format an array with its shape, or a numpy scalar as a number; None for anything else."""
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return None
    shape = tuple(value.shape)
    if not shape:
        return Shortened(str(value))
    written = _numbers(value)
    title = f"{type(value).__name__} of shape {shape}, {value.dtype}"
    title += f" ({written.part})" if written.part else ""
    return replace(written, text=f"{title}:\n{written.text}")


def _numbers(value: Any) -> Shortened:
    """Format an array as numpy does, regardless of the user's print options."""
    np: Any = sys.modules.get("numpy")
    try:
        values = np.asanyarray(value)
        known = values.shape == tuple(value.shape)
    except Exception:  # noqa: BLE001  # no numpy, or a GPU tensor
        known = False
    if not known:  # also for a sparse matrix
        text = str(value)
        if not _ELIDED.search(text):
            return Shortened(text)
        return Shortened(text, "excerpt", ("only an excerpt was sent",))
    formats = {"float_kind": digits, "complex_kind": lambda number: f"{number:.6g}"}
    with np.printoptions(threshold=_VALUES, edgeitems=_EDGE, linewidth=100, formatter=formats):
        text = str(values)
    if values.size <= _VALUES:
        return Shortened(text)
    ends = f"first and last {_EDGE} values along each axis of {values.shape}"
    return Shortened(text, ends, (f"only the {ends} were sent",))
