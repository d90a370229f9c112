"""Models that read parameters from a call's config.

Xinference's documentation limits an answer with
``llm.invoke("...", config={"max_tokens": 1024})``. langchain-core moves keys it does not know into
`configurable`, through chains, batch and with_config alike, but nothing reads them there: a model
never sees its call's config.
"""

# Signatures and documentation are langchain-core's.
# ruff: noqa: A002, ANN001, ANN003, ANN201, D102

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import ensure_config

from xinference_magics.wire.parameters import from_configurable

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig


def _with_config(config: RunnableConfig | None, arguments: dict[str, Any]) -> dict[str, Any]:
    """Merge a call's arguments with the parameters in its config; explicit arguments win."""
    return {**from_configurable(ensure_config(config)["configurable"]), **arguments}


class ConfigurableCalls:
    """Entry points of a model that pass parameters from a call's config as arguments.

    List this class before the langchain-core model among the bases. No signature changes, so type
    checkers see only those of that model.
    """

    if not TYPE_CHECKING:

        def invoke(self, input, config=None, **kwargs):
            return super().invoke(input, config, **_with_config(config, kwargs))

        async def ainvoke(self, input, config=None, **kwargs):
            return await super().ainvoke(input, config, **_with_config(config, kwargs))

        def stream(self, input, config=None, **kwargs):
            return super().stream(input, config, **_with_config(config, kwargs))

        def astream(self, input, config=None, **kwargs):
            return super().astream(input, config, **_with_config(config, kwargs))

        def stream_events(self, input, config=None, **kwargs):
            return super().stream_events(input, config, **_with_config(config, kwargs))

        def astream_events(self, input, config=None, **kwargs):
            return super().astream_events(input, config, **_with_config(config, kwargs))
