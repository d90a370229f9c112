"""Data of all kinds: its rows, and the same data with the columns of answers."""

import json

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from xinference_magics.data.columns import Column, kinds_in
from xinference_magics.data.files import writer_of
from xinference_magics.data.sources import data_of
from xinference_magics.errors import NotebookError

ROWS = [{"a": 1, "t": "x"}, {"a": 2, "t": "y"}, {"a": 3, "t": "z"}]
COLUMNS = {"a": [1, 2, 3], "t": ["x", "y", "z"]}


def answers():
    return [
        Column("answer", "string", ["p", None, "q"]),
        Column("n", "integer", [1, None, 3]),
        Column("ok", "boolean", [True, None, False]),
        Column("x", "number", [1, None, 2.5]),
        Column("many", None, [[1, 2], None, [3]]),
        Column("error", "string", [None, "no", None]),
    ]


KINDS = {
    "pandas": lambda: pd.DataFrame(COLUMNS, index=[7, 7, 9]),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "lazy": lambda: pl.LazyFrame(COLUMNS),
    "arrow": lambda: pa.table(COLUMNS),
    "list": lambda: list(ROWS),
    "iterator": lambda: iter(ROWS),
    "columns": lambda: dict(COLUMNS),
    "arrays": lambda: {name: np.array(values) for name, values in COLUMNS.items()},
    "dataset": lambda: datasets.Dataset.from_dict(COLUMNS),
}


def as_rows(made):
    """Return the rows of any result as plain values."""
    if isinstance(made, list):
        return made
    if isinstance(made, dict):
        return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]
    if isinstance(made, pd.DataFrame):
        return json.loads(made.to_json(orient="records"))
    if isinstance(made, pl.LazyFrame):
        made = made.collect()
    if isinstance(made, pl.DataFrame):
        return made.to_dicts()
    return made.to_list() if isinstance(made, datasets.Dataset) else made.to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_has_the_kind_of_the_data(kind):
    given = KINDS[kind]()
    data = data_of(given)
    assert list(data) == ROWS
    made = data.joined(answers())
    if kind != "iterator":
        assert type(made) is type(given)
    rows = as_rows(made)
    assert [row["t"] for row in rows] == ["x", "y", "z"]
    assert [row["answer"] for row in rows] == ["p", None, "q"]
    assert [row["n"] for row in rows] == [1, None, 3]
    assert [row["ok"] for row in rows] == [True, None, False]
    assert [row["x"] for row in rows] == [1.0, None, 2.5]
    assert [row["many"] for row in rows] == [[1, 2], None, [3]]
    assert [row["error"] for row in rows] == [None, "no", None]


def test_pandas_keeps_its_index_and_types():
    frame = data_of(KINDS["pandas"]()).joined(answers())
    assert list(frame.index) == [7, 7, 9]
    assert {name: str(frame[name].dtype) for name in ("n", "ok", "x")} == {
        "n": "Int64",
        "ok": "boolean",
        "x": "float64",
    }
    whole = [Column("n", "integer", [1, 2, 3]), Column("ok", "boolean", [True, False, True])]
    typed = data_of(KINDS["pandas"]()).joined(whole)
    assert str(typed["n"].dtype) == "int64"
    assert str(typed["ok"].dtype) == "bool"


@pytest.mark.parametrize("kind", KINDS)
def test_some_of_the_rows(kind):
    assert list(data_of(KINDS[kind]()).head(2)) == ROWS[:2]
    sampled = list(data_of(KINDS[kind]()).sample(2))
    assert sampled == list(data_of(KINDS[kind]()).sample(2))
    assert all(row in ROWS for row in sampled)
    assert len(sampled) == 2


def test_values_that_are_not_dicts_are_rows_too():
    series = data_of(pd.Series(["x", "y"], name="t", index=[3, 4]))
    assert list(series) == [{"t": "x"}, {"t": "y"}]
    assert list(series.joined([Column("answer", "string", ["p", "q"])]).index) == [3, 4]
    strings = data_of(["x", "y"])
    assert list(strings) == ["x", "y"]
    assert strings.joined([Column("answer", "string", ["p", "q"])]) == [
        {"row": "x", "answer": "p"},
        {"row": "y", "answer": "q"},
    ]
    assert list(data_of(np.array([1, 2]))) == [1, 2]
    assert list(data_of(range(2))) == [0, 1]


def test_reading_the_first_rows_of_an_iterator_loses_none():
    data = data_of(iter(ROWS))
    assert data.first(2) == ROWS[:2]
    assert list(data) == ROWS
    assert data.again().size == 3


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.csv.gz"])
def test_files_are_read_lazily_and_written_in_order(tmp_path, name):
    path = tmp_path / name
    writer = writer_of(path)
    writer.write(ROWS[:2])
    assert not path.exists()  # an existing file stays until the new one is complete
    writer.write(ROWS[2:])
    writer.close()
    data = data_of(path)
    rows = list(data)
    assert rows == ([{**row, "a": str(row["a"])} for row in ROWS] if "csv" in name else ROWS)
    frame = data.joined([Column("answer", "string", ["p", "q", "r"])])
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["a"]) == [1, 2, 3]
    assert list(frame["answer"]) == ["p", "q", "r"]
    assert list(data_of(str(path)).head(1)) == rows[:1]


def test_names_that_look_like_numbers_stay_names(tmp_path):
    (tmp_path / "codes.csv").write_text("code,n\n007,1\n042,2\n", encoding="utf-8-sig")
    data = data_of(tmp_path / "codes.csv")
    assert list(data)[:1] == [{"code": "007", "n": "1"}]
    frame = data.joined([])
    assert list(frame["code"]) == ["007", "042"]
    assert list(frame["n"]) == [1, 2]


def test_what_is_no_data(tmp_path):
    (tmp_path / "reviews.csv").touch()
    with pytest.raises(NotebookError, match=r"reviews.cvs' is not the path of a CSV"):
        data_of("reviews.cvs")
    with pytest.raises(
        NotebookError, match=r"There is no file .*reviewz.csv. Did you mean reviews"
    ):
        data_of(tmp_path / "reviewz.csv")
    with pytest.raises(NotebookError, match="A value of type int has no rows"):
        data_of(3)
    with pytest.raises(NotebookError, match="columns of one length"):
        data_of({"a": 1})
    both = datasets.DatasetDict({"train": KINDS["dataset"](), "test": KINDS["dataset"]()})
    with pytest.raises(NotebookError, match=r"several datasets\. Pass one of them: train, test"):
        data_of(both)
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n{"a"')
    with pytest.raises(NotebookError, match=r"Line 2 of .*bad.jsonl is not JSON"):
        list(data_of(tmp_path / "bad.jsonl"))
    with pytest.raises(NotebookError, match="cannot be written: No such file"):
        writer_of(tmp_path / "no" / "out.jsonl")


def test_the_types_of_a_schemas_fields():
    schema = {
        "properties": {
            "a": {"type": "string"},
            "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "c": {"$ref": "#/$defs/Mood"},
            "d": {"type": "array", "items": {}},
            "e": {"type": "string", "format": "date"},
            "f": {"type": ["number", "null"]},
        },
        "$defs": {"Mood": {"enum": ["good", "bad"], "type": "string"}},
    }
    assert kinds_in(schema) == {
        "a": "string",
        "b": "integer",
        "c": "string",
        "d": None,
        "e": None,
        "f": "number",
    }
