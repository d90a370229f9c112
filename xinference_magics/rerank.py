"""XinferenceRerank: a rerank model on an Xinference server as a LangChain object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field
from typing_extensions import override

from xinference_magics.models.served import ServedModel
from xinference_magics.transport.routes import Route, rerank
from xinference_magics.wire.ranking import ranked, rerank_request


class XinferenceRerank(ServedModel, BaseDocumentCompressor):
    """A rerank model that runs on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop.

    Instantiate:
        ```python
        from xinference_magics import XinferenceRerank

        reranker = XinferenceRerank("http://127.0.0.1:9997", "my-rerank-model", top_n=1)
        ```

    Compress documents:
        ```python
        from langchain_core.documents import Document

        documents = [Document("Bread is baked."), Document("Paris is in France.")]
        best = reranker.compress_documents(documents, "Where is Paris?")
        print(best[0].page_content, best[0].metadata["relevance_score"])
        ```

    Async:
        ```python
        best = await reranker.acompress_documents(documents, "Where is Paris?")
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    top_n: int | None = Field(default=3, ge=1)
    """How many documents to keep; None for all of them."""

    _route: ClassVar[Route] = rerank

    @override
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Return copies of the best `documents`, best first, with their `relevance_score`."""
        if not documents:
            return []
        return ranked(self._endpoint.answer(self._body(documents, query)), documents)

    @override
    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Return copies of the best `documents`, best first, with their `relevance_score`."""
        if not documents:
            return []
        return ranked(await self._endpoint.aanswer(self._body(documents, query)), documents)

    def _body(self, documents: Sequence[Document], query: str) -> dict[str, Any]:
        return rerank_request(
            documents,
            query,
            top_n=self.top_n,
            model_uid=self.model_uid,
            extra_body=self.extra_body,
        )
