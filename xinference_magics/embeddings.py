"""XinferenceEmbeddings: an embedding model on an Xinference server as a LangChain object."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict, Field

from xinference_magics.models.served import ServedModel
from xinference_magics.transport.limiter import LEAST, Limiter, in_order
from xinference_magics.transport.routes import Route, embed
from xinference_magics.wire.vectors import embedding_requests, vectors

if TYPE_CHECKING:
    from collections.abc import Iterator


class XinferenceEmbeddings(ServedModel, Embeddings):
    """An embedding model that runs on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop. The server
    silently truncates texts that are too long for the model.

    Instantiate:
        ```python
        from xinference_magics import XinferenceEmbeddings

        embeddings = XinferenceEmbeddings("http://127.0.0.1:9997", "my-embedding-model")
        ```

    Embed:
        ```python
        vector = embeddings.embed_query("Where is Paris?")
        vectors = embeddings.embed_documents(["Paris is in France.", "Bread is baked."])
        ```

    Async:
        ```python
        vector = await embeddings.aembed_query("Where is Paris?")
        vectors = await embeddings.aembed_documents(["Paris is in France."])
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    batch_size: int = Field(default=64, ge=1)
    """Maximum number of texts in one request."""

    _route: ClassVar[Route] = embed

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each of `texts`, in order."""
        found: list[list[float]] = []
        for body in self._bodies(texts):
            found += vectors(self._endpoint.answer(body), body)
        return found

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each of `texts`, in order; several batches are sent at once."""

        async def vectors_of(body: dict[str, Any]) -> list[list[float]]:
            return vectors(await self._endpoint.aanswer(body), body)

        calls = (partial(vectors_of, body) for body in self._bodies(texts))
        return [each for batch in await in_order(calls, Limiter(LEAST)) for each in batch]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of `text`."""
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of `text`."""
        return (await self.aembed_documents([text]))[0]

    def _bodies(self, texts: list[str]) -> Iterator[dict[str, Any]]:
        return embedding_requests(
            texts,
            batch_size=self.batch_size,
            model_uid=self.model_uid,
            extra_body=self.extra_body,
        )
