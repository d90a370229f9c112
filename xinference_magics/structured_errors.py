"""Errors of structured output: what does not fit, and the method that the engine would follow."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableSerializable
from pydantic import ConfigDict, ValidationError
from typing_extensions import override

from xinference_magics.wire.engines import LLAMA_CPP, TRANSFORMERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.runnables import RunnableConfig

FOLLOW_A_SCHEMA = (LLAMA_CPP, "vllm", "sglang")
"""Engines that have an answer follow a JSON schema."""


class CheckedParser(RunnableSerializable[Any, Any]):
    """A parser that says what went wrong in terms of the engine.

    Args:
        parser: Parses an answer, or its chunks.
        model_uid: The model that answers.
        engine: Its engine, where it is known.
        method: The method that was asked for.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    parser: Runnable[Any, Any]
    model_uid: str
    engine: str | None
    method: str

    @override
    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        with self._explaining(input):
            return _there(self.parser.invoke(input, config, **kwargs))

    @override
    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        with self._explaining(input):
            return _there(await self.parser.ainvoke(input, config, **kwargs))

    @override
    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        with self._explaining():
            yield from self.parser.transform(input, config, **kwargs)

    @override
    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        with self._explaining():
            async for parsed in self.parser.atransform(input, config, **kwargs):
                yield parsed

    @contextmanager
    def _explaining(self, answer: Any = None) -> Iterator[None]:
        try:
            yield
        except (OutputParserException, ValidationError) as error:
            said = answer.text if isinstance(answer, AIMessage) else None
            explained = ValueError(self._explanation(error, answer))
            raise OutputParserException(explained, llm_output=said) from error

    def _explanation(self, error: Exception, answer: Any) -> str:
        what = " ".join(str(error).partition("\nFor troubleshooting")[0].split()).rstrip(".")
        cut = isinstance(answer, AIMessage) and (
            answer.response_metadata.get("finish_reason") == "length"
        )
        why = "It was cut off by max_tokens." if cut else advice(self.engine, self.method)
        found = f"The answer of {self.model_uid} does not have the form asked for: {what}."
        return f"{found} {why}".rstrip()


def advice(engine: str | None, method: str) -> str:
    """Say what the engine makes of `method`, and which one works; nothing of unknown engines."""
    name = (engine or "").casefold()
    if name in FOLLOW_A_SCHEMA and method != "json_schema":
        return f'The {engine} engine does not enforce {method}; it does method="json_schema".'
    if name == TRANSFORMERS and method != "function_calling":
        return (
            f"The {engine} engine ignores {method}; "
            'method="function_calling" at least shows the form to the model.'
        )
    if name == TRANSFORMERS:
        return f'The {engine} engine enforces no form; on {LLAMA_CPP} method="json_schema" does.'
    return ""


def _there(parsed: Any) -> Any:
    if parsed is None:
        raise OutputParserException(ValueError("it holds nothing of the kind"))
    return parsed
