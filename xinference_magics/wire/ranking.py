"""Documents and a query -> a rerank request, and the response -> documents by score."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from math import isfinite
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import ServerError
from xinference_magics.wire.shapes import integer_in, number_in, objects_in, understood

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.documents import Document


def rerank_request(
    documents: Sequence[Document],
    query: str,
    *,
    top_n: int | None,
    model_uid: str,
    extra_body: Mapping[str, Any],
) -> dict[str, Any]:
    """Build a request body; the response need not repeat the texts."""
    return {
        "model": model_uid,
        "top_n": top_n,
        "return_documents": False,
        **extra_body,
        "query": query,
        "documents": [document.page_content for document in documents],
    }


def ranked(data: Mapping[str, Any], documents: Sequence[Document]) -> list[Document]:
    """Return copies of `documents` by descending score, with `relevance_score` in their metadata.

    Raises:
        ServerError: The response ranks documents that were not sent, or isn't a ranking.
    """
    with understood("The rerank model"):
        if not (results := objects_in(data, "results")):
            raise ServerError("The response ranks nothing.", hint="Does a rerank model run there?")
        scores = [
            (integer_in(each, "index"), number_in(each, "relevance_score")) for each in results
        ]
        if any(index is None for index, _ in scores):
            raise ServerError("The response does not say which documents it ranks.")
        if any(index is None or not 0 <= index < len(documents) for index, _ in scores):
            raise ServerError(f"The response ranks more than the {len(documents)} documents sent.")
        if not all(isfinite(score) for _, score in scores):
            raise ServerError("The response has a score of NaN or infinity.", hint=_OTHERWISE)
        best = sorted(scores, key=lambda each: -each[1])
        return [_scored(documents[index], score) for index, score in best if index is not None]


_OTHERWISE = "If every query does this, launch it with another engine or torch_dtype=float32."


def _scored(document: Document, score: float) -> Document:
    metadata = {name: _copied(value) for name, value in document.metadata.items()}
    return document.model_copy(update={"metadata": {**metadata, "relevance_score": score}})


def _copied(value: Any) -> Any:
    """Copy a value of a document's metadata; share what cannot be copied, such as a lock."""
    with suppress(Exception):  # the value's class may raise anything
        return deepcopy(value)
    return value
