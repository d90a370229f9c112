"""Chat models that read parameters from a call's config.

``llm.invoke("...", config={"max_tokens": 1024})`` is how Xinference's documentation limits an
answer. langchain-core moves keys it does not know into `configurable`, through chains, batch
and with_config alike, and there they stay unread: a model never sees its call's config.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.runnables.config import ensure_config
from typing_extensions import override

from xinference_magics.wire.parameters import from_configurable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.runnables import RunnableConfig


def _with_config(config: RunnableConfig | None, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a call's arguments with what its config adds; what is explicit wins."""
    return {**from_configurable(ensure_config(config)["configurable"]), **arguments}


class ConfigurableCalls(BaseChatModel):
    """The entrances of a chat model, each with its config's parameters as arguments."""

    @override
    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        return super().invoke(input, config, **_with_config(config, kwargs))

    @override
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        return await super().ainvoke(input, config, **_with_config(config, kwargs))

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        return super().stream(input, config, **_with_config(config, kwargs))

    @override
    def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        return super().astream(input, config, **_with_config(config, kwargs))

    @override
    def stream_events(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        return super().stream_events(input, config, **_with_config(config, kwargs))

    @override
    def astream_events(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        return super().astream_events(input, config, **_with_config(config, kwargs))
