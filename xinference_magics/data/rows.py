"""Data of all kinds as rows, and the same data with more columns.

A row with named values is a dict; any other row is the value itself.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from random import Random
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from xinference_magics.data.columns import Column

ROW = "row"
"""The name of the whole row, in prompts and in the results of rows without named values."""

_SEED = 0
"""Samples are always the same, so that the answers to one are found again."""


class Data(ABC):
    """Rows to ask about.

    Attributes:
        columns: The names of its columns; None if they are not known before the rows are read.
        size: The number of rows; None if unknown.
    """

    columns: tuple[str, ...] | None = None
    size: int | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows, once."""

    @abstractmethod
    def head(self, count: int) -> Data:
        """Return the first rows."""

    @abstractmethod
    def sample(self, count: int) -> Data:
        """Return a random sample, in order; of the same data it is always the same."""

    def first(self, count: int) -> list[Any]:
        """Return the first rows, without reading more of the data than that."""
        return list(islice(iter(self), count))

    def again(self) -> Data:
        """Return the same rows for another run."""
        return self

    def kept(self) -> Data:
        """Return the same rows, which can be read more than once."""
        return self

    def streamed(self) -> Data:
        """Return the same rows, which are not kept while they are read."""
        return self

    @abstractmethod
    def joined(self, columns: Sequence[Column]) -> Any:
        """Return data of the same kind with more columns."""


class Listed(Data):
    """A list, or the rows of anything else that can be iterated over once.

    Args:
        rows: The rows.
        kept: Whether `rows` is a list, so that they need not be kept while they are read.
    """

    def __init__(self, rows: Iterable[Any], *, kept: bool = False) -> None:
        self._rows = rows if kept else iter(rows)
        self._read: list[Any] = list(rows) if kept else []
        self._kept = kept
        self._streamed = False
        if kept:
            self.size = len(self._read)
            if self._read and all(isinstance(row, Mapping) for row in self._read):
                names = dict.fromkeys(name for row in self._read for name in row)
                self.columns = tuple(map(str, names))

    def __iter__(self) -> Iterator[Any]:
        if self._kept:
            yield from self._read
            return
        for row in self._rows:
            if not self._streamed:
                self._read.append(row)
            yield row

    @override
    def first(self, count: int) -> list[Any]:
        if not self._kept and len(self._read) < count:
            rows = list(islice(self._rows, count - len(self._read)))
            if not self._read:
                self._rows = chain(rows, self._rows)
            return [*self._read, *rows]
        return self._read[:count]

    @override
    def again(self) -> Data:
        return Listed(self._read, kept=True)

    @override
    def kept(self) -> Data:
        return self if self._kept else Listed(self._rows, kept=True)

    @override
    def streamed(self) -> Data:
        self._streamed = True
        return self

    @override
    def head(self, count: int) -> Data:
        if self._kept:
            return Listed(self._read[:count], kept=True)
        return Listed(islice(self._rows, count))

    @override
    def sample(self, count: int) -> Data:
        rows = self._read if self._kept else list(self._rows)
        return Listed([rows[place] for place in _places(len(rows), count)], kept=True)

    @override
    def joined(self, columns: Sequence[Column]) -> list[dict[str, Any]]:
        values = [column.typed for column in columns]
        names = [column.name for column in columns]
        return [
            {
                **(row if isinstance(row, Mapping) else {ROW: row}),
                **dict(zip(names, more, strict=True)),
            }
            for row, *more in zip(self._read, *values, strict=False)
        ]


class Columns(Data):
    """A dict of columns, as batches often are."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.columns = tuple(data)
        self.size = len(next(iter(data.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = list(self._data)
        for values in zip(*self._data.values(), strict=True):
            yield dict(zip(names, values, strict=True))

    @override
    def head(self, count: int) -> Data:
        return Columns({name: values[:count] for name, values in self._data.items()})

    @override
    def sample(self, count: int) -> Data:
        places = _places(self.size or 0, count)
        return Columns({n: [values[i] for i in places] for n, values in self._data.items()})

    @override
    def joined(self, columns: Sequence[Column]) -> dict[str, Any]:
        numpy = sys.modules.get("numpy")
        arrays = numpy and all(isinstance(each, numpy.ndarray) for each in self._data.values())
        return {**self._data, **{c.name: _array(c) if arrays else c.typed for c in columns}}


class Frame(Data):
    """A data frame of any kind that narwhals knows."""

    def __init__(self, frame: Any, *, lazy: bool = False) -> None:
        self._frame = frame
        self._lazy = lazy
        self.columns = tuple(map(str, frame.columns))
        self.size = len(frame)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = self.columns or ()
        for values in self._frame.iter_rows(named=False):  # named rows are slow in pandas
            yield dict(zip(names, values, strict=True))

    @override
    def head(self, count: int) -> Data:
        return Frame(self._frame.head(count), lazy=self._lazy)

    @override
    def sample(self, count: int) -> Data:
        return Frame(self._frame[_places(self.size or 0, count)], lazy=self._lazy)

    @override
    def joined(self, columns: Sequence[Column]) -> Any:
        native = self._frame.to_native()
        if self._frame.implementation.is_pandas_like():
            return native.assign(**{each.name: _pandas(each, native) for each in columns})
        import narwhals as nw

        backend = self._frame.implementation
        kinds = {
            "string": nw.String,
            "integer": nw.Int64,
            "number": nw.Float64,
            "boolean": nw.Boolean,
        }
        more = [_series(nw, each, kinds.get(each.kind or ""), backend) for each in columns]
        frame = self._frame.with_columns(*more)
        return (frame.lazy() if self._lazy else frame).to_native()


class HuggingFace(Data):
    """A `datasets.Dataset`."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.columns = tuple(dataset.column_names)
        self.size = len(dataset)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._dataset)

    @override
    def head(self, count: int) -> Data:
        return HuggingFace(self._dataset.select(range(min(count, self.size or 0))))

    @override
    def sample(self, count: int) -> Data:
        return HuggingFace(self._dataset.select(_places(self.size or 0, count)))

    @override
    def joined(self, columns: Sequence[Column]) -> Any:
        from datasets import Value

        kinds = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
        made = self._dataset
        for each in columns:
            feature = Value(kinds[each.kind]) if each.kind in kinds else None
            made = made.add_column(each.name, each.typed, feature=feature)
        return made


def frame_of(data: Any) -> Frame | None:
    """Return a data frame or a series as rows; None for anything else."""
    import narwhals as nw

    made = nw.from_native(data, pass_through=True, allow_series=True)
    if isinstance(made, nw.Series):
        return Frame(made.alias(str(made.name or "value")).to_frame())
    if isinstance(made, nw.LazyFrame):
        return Frame(made.collect(), lazy=made.implementation.is_polars())
    return Frame(made) if isinstance(made, nw.DataFrame) else None


def _places(size: int, count: int) -> list[int]:
    return sorted(Random(_SEED).sample(range(size), min(count, size)))  # noqa: S311  # no secret


def _array(column: Column) -> Any:
    import numpy as np

    made = np.empty(len(column.cells), dtype=object)
    made[:] = column.typed
    if column.kind is None or column.has_gaps:
        return made
    return made if column.kind == "string" else np.array(column.typed)


def _pandas(column: Column, native: Any) -> Any:
    """Return a column for a pandas frame; integers and truth values stay so beside gaps."""
    import pandas as pd

    nullable = {"integer": "Int64", "boolean": "boolean"}
    plain = {"integer": "int64", "boolean": "bool", "number": "float64"}
    kind = column.kind or ""
    if column.kind is None:
        return pd.Series(list(column.cells), index=native.index, dtype=object)
    dtype = (nullable if column.has_gaps else plain).get(kind, plain.get(kind))
    if dtype is None and all(value is None for value in column.cells):
        dtype = "object"
    return pd.Series(column.typed, index=native.index, dtype=dtype)


def _series(nw: Any, column: Column, dtype: Any, backend: Any) -> Any:
    """Return a series for a frame; values that have no common type become their text."""
    try:
        return nw.new_series(column.name, column.typed, dtype, backend=backend)
    except Exception:  # noqa: BLE001  # each library raises its own
        import json

        texts = [None if v is None else json.dumps(v, default=str) for v in column.cells]
        return nw.new_series(column.name, texts, nw.String, backend=backend)
