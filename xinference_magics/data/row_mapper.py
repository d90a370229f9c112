"""`RowMapper`: a prompt over batches of data, for engines that drive many processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.data.mapping import DEFAULT, StoreGiven, map_rows

if TYPE_CHECKING:
    from collections.abc import Callable


class RowMapper:
    """Asks a model for an answer to each row of a batch; picklable, without secrets.

    Call it on a dict of lists or arrays, a data frame or an Arrow table: it returns the same with
    the columns `answer` (or the fields of the schema) and `error`. For
    `ray.data.Dataset.map_batches`, Dask's `map_partitions` and `datasets.map`; it also works inside
    a running event loop.

    Where it is unpickled, the model's credentials come from that process: its environment, or the
    login that is saved there.

    Args:
        llm: A chat model, or any other Runnable, embeddings, or a reranker.
        prompt: A text with ``{{column}}`` in it, or a function of the row.
        schema: The form of the answers.
        store: Where answers are stored; None for nowhere.
        options: Any other arguments of `map_rows`.
    """

    def __init__(
        self,
        llm: Any,
        prompt: str | Callable[[Any], Any],
        schema: Any = None,
        *,
        store: StoreGiven = DEFAULT,
        **options: Any,
    ) -> None:
        self.llm = llm
        self.prompt = prompt
        self.schema = schema
        self.store = store
        self.options = options

    def __call__(self, batch: Any) -> Any:
        """Return `batch` with the columns of its answers.

        Raises:
            XinferenceError: The batch is no data, or the run could not go on.
        """
        run = map_rows(self.llm, batch, self.prompt, self.schema, store=self.store, **self.options)
        return run.wait().frame

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "llm": without_secrets(self.llm)}

    def __repr__(self) -> str:
        name = getattr(self.llm, "model_uid", None) or type(self.llm).__name__
        return f"RowMapper({name!r})"


def without_secrets(runnable: Any) -> Any:
    """Return a copy of a model, or of a Runnable bound to one, without its key."""
    from langchain_core.runnables import RunnableBinding

    from xinference_magics.models.served import ServedModel

    if isinstance(runnable, RunnableBinding):
        return runnable.model_copy(update={"bound": without_secrets(runnable.bound)})
    if isinstance(runnable, ServedModel):
        return runnable.without_secrets()
    return runnable
