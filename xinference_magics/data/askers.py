"""Choose who answers the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.data import chats, others
from xinference_magics.data.columns import ANSWER
from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.data.asking import Asker


def asker_for(  # noqa: PLR0913  # what a run may say about the asking
    runnable: Any,
    schema: Any = None,
    *,
    retries: int = 0,
    parameters: Mapping[str, Any] | None = None,
    system: str = "",
    store_key: str | None = None,
) -> Asker:
    """Return what asks `runnable`.

    Args:
        runnable: A chat model, any other Runnable, embeddings or a reranker.
        schema: The form of the answers.
        retries: How often to ask again if an answer does not match the schema.
        parameters: Parameters of each call.
        system: A system prompt.
        store_key: What identifies a runnable that cannot be serialised.

    Raises:
        NotebookError: It cannot be asked, or takes no schema.
    """
    from langchain_core.documents import BaseDocumentCompressor
    from langchain_core.embeddings import Embeddings
    from langchain_core.runnables import Runnable

    given = dict(parameters or {})
    if (bound := chats.unbound(runnable)) is not None:
        model, own = bound
        return chats.ChatAsker(model, schema, retries, {**own, **given}, system)
    if schema is not None:
        if not hasattr(runnable, "with_structured_output"):
            raise NotebookError(
                f"{type(runnable).__name__} is not a model: a schema needs one.",
                hint="Build the schema into the chain.",
            )
        return others.RunnableAsker(
            runnable.with_structured_output(schema), store_key, others.schema_fields(schema), system
        )
    if isinstance(runnable, Embeddings):
        return others.EmbeddingAsker(runnable, store_key)
    if isinstance(runnable, BaseDocumentCompressor):
        return others.RerankAsker(runnable, store_key)
    if isinstance(runnable, Runnable):
        return others.RunnableAsker(runnable, store_key, {ANSWER: None}, system)
    raise NotebookError(
        f"A value of type {type(runnable).__name__} cannot be asked.",
        hint="Pass a model or a chain; RunnableLambda(f) makes a chain of a function.",
    )
