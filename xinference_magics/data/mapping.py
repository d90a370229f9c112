"""`map_rows`: a prompt over data, in code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from xinference_magics.data.askers import asker_for
from xinference_magics.data.columns import ERROR
from xinference_magics.data.run import MapRun
from xinference_magics.data.sources import data_of
from xinference_magics.data.store import AnswerStore
from xinference_magics.data.templates import prompt_for
from xinference_magics.errors import NotebookError
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xinference_magics.data.rows import Data

DEFAULT = "default"
"""The user's own store."""

StoreGiven = AnswerStore | str | os.PathLike[str] | None


def map_rows(  # noqa: PLR0913  # each has a default
    runnable: Any,
    data: Any,
    prompt: str | Callable[[Any], Any],
    schema: Any = None,
    *,
    store: StoreGiven = DEFAULT,
    max_concurrency: int | str = "auto",
    limit: int | None = None,
    out: str | os.PathLike[str] | None = None,
    system: str = "",
    parameters: Mapping[str, Any] | None = None,
    retries: int = 0,
    fresh: bool = False,
    prefix: str = "",
    store_key: str | None = None,
) -> MapRun:
    """Ask `runnable` for an answer to each row of `data`, and return the run, which has started.

    Each answer is stored as soon as it is there, under what decided it: running this again asks
    only what is missing. Equal rows are asked once, and a row that fails has its reason in `error`.

    Args:
        runnable: A chat model, or any other Runnable, embeddings, or a reranker.
        data: A data frame, a list, a dict of columns, a `datasets.Dataset`, any other iterable, or
            the path of a CSV, JSONL or Parquet file. It is read on a thread of its own.
        prompt: A text with ``{{column}}`` in it, in which nothing is evaluated, or a function of
            the row.
        schema: The form of the answers, whose fields become columns.
        store: Where answers are stored: the user's own store, a path, or None for nowhere.
        max_concurrency: How many requests at once; ``"auto"`` starts with the slots of the model
            and finds out.
        limit: How many rows to ask about, from the first; None for all.
        out: A CSV, JSONL or Parquet file that rows are written to instead of being kept, for data
            that does not fit in memory.
        system: A system prompt.
        parameters: Parameters of each call, such as `temperature`.
        retries: How often to ask again if an answer does not match the schema.
        fresh: Whether to ask again for answers that are stored.
        prefix: Put before the names of the columns.
        store_key: What identifies a Runnable that cannot be serialised, such as one with a lambda.

    Raises:
        XinferenceError: The data, the prompt or the schema is invalid; nothing was sent.
    """
    rows = data_of(data)
    if limit is not None:
        rows = rows.head(limit)
    asker = asker_for(
        runnable,
        schema,
        retries=retries,
        parameters=parameters,
        system=system,
        store_key=store_key,
    )
    names = reject_taken(rows, asker.fields, prefix)
    return MapRun(
        rows if out is None else rows.streamed(),
        prompt_for(prompt, rows.columns),
        asker,
        store_of(store),
        concurrency=concurrency_of(max_concurrency),
        fresh=fresh,
        prefix=prefix,
        written=written_to(out, names),
    ).start()


def reject_taken(
    rows: Data, fields: Mapping[str, str | None], prefix: str
) -> dict[str, str | None]:
    """Return the columns to add and their types; the data may have none of them.

    Raises:
        NotebookError: The data already has one of them.
    """
    names = {f"{prefix}{name}": kind for name, kind in {**fields, ERROR: "string"}.items()}
    taken = [name for name in names if name in (rows.columns or ())]
    if taken:
        other = f"{prefix}my_"
        name = f"{other}{taken[0].removeprefix(prefix)}"
        raise NotebookError(
            f"The data already has a column {taken[0]!r}.",
            hint=Remedy.PREFIX(prefix=other, name=name),
        )
    return names


def concurrency_of(given: int | str) -> int | None:
    """Return how many requests to send at once; None to find out.

    Raises:
        NotebookError: It is neither a number nor ``"auto"``.
    """
    if given == "auto":
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise NotebookError(f'max_concurrency must be "auto" or a number above 0, not {given!r}.')
    return given


def store_of(given: StoreGiven) -> AnswerStore | None:
    """Return the store that is meant."""
    if given is None or isinstance(given, AnswerStore):
        return given
    return AnswerStore(None if given == DEFAULT else given)


def written_to(out: Any, names: Mapping[str, str | None]) -> Any:
    """Return what writes rows to `out`; None to keep them."""
    if out is None:
        return None
    from xinference_magics.data.written import Written

    return Written(out, names)
