"""Rows read from CSV, JSONL and Parquet files one by one, and written to them as they come."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import sys
from abc import ABC, abstractmethod
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal
from uuid import uuid4

from xinference_magics.data.rows import ROW, Data, Listed, frame_of
from xinference_magics.errors import NotebookError
from xinference_magics.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xinference_magics.data.columns import Column

KINDS = ("csv", "jsonl", "parquet")
"""The kinds of files, by their suffixes; CSV and JSONL may be compressed (.gz)."""
_ALSO = {"ndjson": "jsonl", "tsv": "csv", "pq": "parquet"}
_ROWS_AT_ONCE = 1000
"""Rows of a Parquet file that are read or written together."""


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """Return which kind of file a path names; None if it is none of them."""
    suffixes = [each[1:].lower() for each in Path(path).suffixes]
    if suffixes and suffixes[-1] == "gz":
        suffixes.pop()
        if suffixes and suffixes[-1] in {"parquet", "pq"}:
            return None
    last = suffixes[-1] if suffixes else ""
    last = _ALSO.get(last, last)
    return last if last in KINDS else None


def rows_of_file(path: str | os.PathLike[str]) -> Data:
    """Return the rows of a file.

    Raises:
        NotebookError: There is no such file, or it is of another kind.
    """
    file = Path(path).expanduser()
    kind = kind_of(file)
    if kind is None:
        raise NotebookError(
            f"{os.fspath(path)!r} is not the path of a CSV, JSONL or Parquet file.",
            hint="Its name must end in .csv, .jsonl or .parquet.",
        )
    if not file.is_file():
        there = [each.name for each in file.parent.glob("*") if kind_of(each)]
        raise NotebookError(f"There is no file {file}.", hint=did_you_mean(file.name, there))
    return _FILES[kind](file)


class _Csv(Data):
    """A file of rows, which are read again for the result.

    Args:
        path: The file.
        count: How many rows to read; None for all.
    """

    def __init__(self, path: Path, count: int | None = None) -> None:
        self._path = path
        self._count = count
        self._read: list[Any] = []
        self._streamed = False
        self._look()

    def _look(self) -> None:
        with _opened(self._path) as file:
            self.columns = tuple(csv.DictReader(file, **self._form()).fieldnames or ())

    def _form(self) -> dict[str, Any]:
        return {"delimiter": "\t"} if ".tsv" in self._path.suffixes else {}

    def _all(self) -> Iterator[Any]:
        with _opened(self._path) as file:
            yield from csv.DictReader(file, **self._form())

    def __iter__(self) -> Iterator[Any]:
        self._read = []
        for row in islice(self._all(), self._count):
            if not self._streamed:
                self._read.append(row)
            yield row

    def first(self, count: int) -> list[Any]:
        return list(islice(self._all(), count))

    def streamed(self) -> Data:
        self._streamed = True
        return self

    def head(self, count: int) -> Data:
        return type(self)(self._path, count)

    def sample(self, count: int) -> Data:
        return Listed(self._all()).sample(count)

    def joined(self, columns: Sequence[Column]) -> Any:
        return _as_frame(Listed(self._typed(self._read), kept=True), columns)

    def _typed(self, rows: list[Any]) -> list[Any]:
        """Turn columns that hold only numbers into numbers."""
        kinds = {name: _number_in([row.get(name) for row in rows]) for name in self.columns or ()}
        return [
            {n: kinds[n](v) if kinds.get(n) and v else v for n, v in row.items()} for row in rows
        ]


class _Jsonl(_Csv):
    def _look(self) -> None:
        pass

    def _all(self) -> Iterator[Any]:
        with _opened(self._path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise NotebookError(
                        f"Line {number} of {self._path} is not JSON: {error}."
                    ) from error

    def _typed(self, rows: list[Any]) -> list[Any]:
        return rows


class _Parquet(_Csv):
    def _look(self) -> None:
        with _arrow().ParquetFile(self._path) as file:
            self.columns = tuple(file.schema_arrow.names)
            rows = file.metadata.num_rows
        self.size = rows if self._count is None else min(rows, self._count)

    def _all(self) -> Iterator[Any]:
        with _arrow().ParquetFile(self._path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                yield from batch.to_pylist()

    def _typed(self, rows: list[Any]) -> list[Any]:
        return rows


_FILES = {"csv": _Csv, "jsonl": _Jsonl, "parquet": _Parquet}


def _opened(path: Path, mode: Literal["r", "w"] = "r") -> IO[str]:
    encoding = "utf-8-sig" if mode == "r" else "utf-8"
    if path.suffix == ".gz":
        return gzip.open(path, "rt" if mode == "r" else "wt", encoding=encoding, newline="")
    return path.open(mode, encoding=encoding, newline="")


def _arrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise NotebookError("Parquet files need pyarrow.", hint="pip install pyarrow") from error
    return pyarrow.parquet


def _number_in(values: list[Any]) -> Any:
    """Return int or float if every text in a column is written as such a number; else None."""
    texts = [value for value in values if value]
    if not texts or not all(isinstance(text, str) and _NUMBER.fullmatch(text) for text in texts):
        return None
    return int if all(text.lstrip("-").isdecimal() for text in texts) else float


_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
"""A number as JSON writes it: 007 is a name."""


def _as_frame(rows: Listed, columns: Sequence[Column]) -> Any:
    """Return the rows of a file with more columns, in a frame if there is a library for frames."""
    plain = rows.joined(())
    for module in ("pandas", "polars"):
        frames = sys.modules.get(module) or _imported(module)
        if frames is not None and all(isinstance(row, dict) for row in rows):
            frame = frame_of(frames.DataFrame(plain))
            return frame.joined(columns) if frame else plain
    return rows.joined(columns)


def _imported(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError:
        return None


class Writer(ABC):
    """Writes rows to a file as they come.

    Args:
        path: The file; an existing one is replaced once the new one is complete.
        kinds: The JSON types of columns that have one.
    """

    def __init__(self, path: Path, kinds: Mapping[str, str | None]) -> None:
        self.path = path
        self.kinds = kinds
        self.draft = path.with_name(f".{uuid4().hex}-{path.name}")

    @abstractmethod
    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows."""

    @abstractmethod
    def end(self) -> bool:
        """Write what is left; return whether there is a file."""

    def close(self) -> None:
        """Complete the file."""
        if self.end():
            self.draft.replace(self.path)


class _Lines(Writer):
    def __init__(self, path: Path, kinds: Mapping[str, str | None]) -> None:
        super().__init__(path, kinds)
        self._file = _opened(self.draft, "w")

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        self._file.flush()

    def end(self) -> bool:
        self._file.close()
        return True


class _CsvLines(_Lines):
    _writer: csv.DictWriter[str] | None = None

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            if self._writer is None:
                self._writer = csv.DictWriter(self._file, list(row))
                self._writer.writeheader()
            self._writer.writerow(
                {n: json.dumps(v) if isinstance(v, dict | list) else v for n, v in row.items()}
            )
        self._file.flush()


class _ParquetGroups(Writer):
    """Writes rows in groups; the first group decides the types."""

    def __init__(self, path: Path, kinds: Mapping[str, str | None]) -> None:
        super().__init__(path, kinds)
        _arrow()
        self.draft.touch()  # or nobody could write there
        self._rows: list[Mapping[str, Any]] = []
        self._writer: Any = None

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows.extend(rows)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        rows, self._rows = self._rows, []
        table = pa.Table.from_pylist([dict(row) for row in rows])
        if self._writer is None:
            fields = [field.with_type(self._type(field)) for field in table.schema]
            self._writer = _arrow().ParquetWriter(self.draft, pa.schema(fields))
        self._writer.write_table(
            pa.Table.from_pylist([dict(row) for row in rows], schema=self._writer.schema)
        )

    def _type(self, field: Any) -> Any:
        """Return the type of a column; one that is empty so far is text, unless it is known."""
        import pyarrow as pa

        known = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
        if self.kinds.get(field.name) in known:
            return known[self.kinds[field.name] or ""]
        return pa.string() if pa.types.is_null(field.type) else field.type

    def end(self) -> bool:
        if self._rows:
            self._flush()
        if self._writer is None:
            return False
        self._writer.close()
        return True


_WRITERS: dict[str, type[Writer]] = {"csv": _CsvLines, "jsonl": _Lines, "parquet": _ParquetGroups}


def writer_of(
    path: str | os.PathLike[str], kinds: Mapping[str, str | None] | None = None
) -> Writer:
    """Return what writes rows to a file.

    Args:
        path: The file.
        kinds: The JSON types of columns that have one.

    Raises:
        NotebookError: The file cannot be written, or is of another kind.
    """
    file = Path(path).expanduser()
    kind = kind_of(file)
    if kind is None:
        raise NotebookError(
            f"{os.fspath(path)!r} is not the path of a CSV, JSONL or Parquet file.",
            hint="Its name must end in .csv, .jsonl or .parquet.",
        )
    try:
        return _WRITERS[kind](file, kinds or {})
    except OSError as error:
        raise NotebookError(f"{file} cannot be written: {error.strerror}.") from error


def flat(row: Any) -> dict[str, Any]:
    """Return a row as a dict."""
    return dict(row) if isinstance(row, dict) else {ROW: row}
