"""The client's synchronous handles, over a session that they neither open nor close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_client.client.restful.restful_client import (
    RESTfulChatModelHandle,
    RESTfulEmbeddingModelHandle,
    RESTfulRerankModelHandle,
)

if TYPE_CHECKING:
    from requests import Session


class ModelHandle(
    RESTfulChatModelHandle,  # type: ignore[misc]  # untyped
    RESTfulEmbeddingModelHandle,  # type: ignore[misc]
    RESTfulRerankModelHandle,  # type: ignore[misc]
):
    """All of the client's handles in one, made anew for each request.

    Args:
        model_uid: The model to ask.
        endpoint: A normalized endpoint.
        session: Shared with other handles, in other threads too.
    """

    def __init__(self, model_uid: str, endpoint: str, session: Session) -> None:
        self._model_uid = model_uid
        self._base_url = endpoint
        self.auth_headers: dict[str, str] = {}
        self.session = session

    def close(self) -> None:
        """Leave the session open; the client's handles call this when they are dropped."""
