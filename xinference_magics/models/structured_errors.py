"""Errors in structured output: what does not match, and which method the engine enforces."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  # pydantic reads the field's type
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

from langchain_core import exceptions
from langchain_core.exceptions import ModelError, OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration
from langchain_core.runnables import RunnableSerializable
from pydantic import ConfigDict, ValidationError
from typing_extensions import override

from xinference_magics.wire.engines import FOLLOW_A_SCHEMA, LLAMA_CPP, TRANSFORMERS
from xinference_magics.wire.metadata import REFUSAL
from xinference_magics.wire.partial import is_cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.runnables import RunnableConfig


class CheckedParser(RunnableSerializable[Any, Any]):
    """A parser that validates its result and explains failures in terms of the engine.

    Args:
        parser: A LangChain output parser.
        mismatch: Describes what is wrong with a parsed value, if the parser does not validate it.
        model_uid: The model that answers.
        engine: Its engine, if known.
        method: The structured-output method in use.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    parser: Any
    mismatch: Callable[[Any], str | None] | None
    model_uid: str
    engine: str | None
    method: str

    @override
    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        with self._explaining(input):
            self._reject_unusable(input)
            return self._fitting(self.parser.invoke(input, config, **kwargs))

    @override
    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        with self._explaining(input):
            self._reject_unusable(input)
            return self._fitting(await self.parser.ainvoke(input, config, **kwargs))

    def beside_raw(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Add to a raw answer what it was parsed to, or why it could not be parsed."""
        try:
            return {**answer, "parsed": self.invoke(answer["raw"]), "parsing_error": None}
        except (OutputParserException, ModelError) as error:
            return {**answer, "parsed": None, "parsing_error": error}

    async def abeside_raw(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Do the same for `ainvoke`."""
        try:
            return {**answer, "parsed": await self.ainvoke(answer["raw"]), "parsing_error": None}
        except (OutputParserException, ModelError) as error:
            return {**answer, "parsed": None, "parsing_error": error}

    @override
    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        heard: list[Any] = []

        def hearing() -> Iterator[Any]:
            for chunk in input:
                heard.append(chunk)
                yield chunk

        yield from self.parser.transform(hearing(), config, **kwargs)
        self._check_all(heard)

    @override
    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        heard: list[Any] = []

        async def hearing() -> AsyncIterator[Any]:
            async for chunk in input:
                heard.append(chunk)
                yield chunk

        async for parsed in self.parser.atransform(hearing(), config, **kwargs):
            yield parsed
        self._check_all(heard)

    def _check_all(self, chunks: list[AIMessageChunk]) -> None:
        """Check a streamed answer as a whole: a parser skips partial results that do not match."""
        first, *others = chunks or [AIMessageChunk(content="")]
        answer = first + others if others else first
        with self._explaining(answer):
            self._reject_unusable(answer)
            self._fitting(self.parser.parse_result([ChatGeneration(message=answer)]))

    def _reject_unusable(self, answer: Any) -> None:
        """Reject a refusal, and truncated JSON, which LangChain's parsers complete: 12 for 120.

        Raises:
            ModelRefusalError: The model refused; before langchain-core 1.7.5, it is an
                OutputParserException.
            OutputParserException: The answer was truncated.
        """
        if not _is_answer(answer) or answer.tool_calls:
            return
        if refusal := answer.response_metadata.get(REFUSAL):
            raise _refused(answer, f"{self.model_uid} refused to answer: {refusal}")
        if is_cut(answer.text, answer.response_metadata.get("finish_reason")):
            raise OutputParserException(ValueError("its JSON is truncated"))

    def _fitting(self, parsed: Any) -> Any:
        if parsed is None:
            raise OutputParserException(ValueError("it contains no such object"))
        if self.mismatch and (fault := self.mismatch(parsed)):
            raise OutputParserException(ValueError(fault))
        return parsed

    @contextmanager
    def _explaining(self, answer: Any = None) -> Iterator[None]:
        try:
            yield
        except (OutputParserException, ValidationError) as error:
            said = answer.text if _is_answer(answer) else None
            explained = ValueError(self._explanation(error, answer))
            raise OutputParserException(explained, llm_output=said) from error

    def _explanation(self, error: Exception, answer: Any) -> str:
        what = " ".join(without_link(error).split()).rstrip(".")
        cut = isinstance(answer, AIMessage) and (
            answer.response_metadata.get("finish_reason") == "length"
        )
        why = (
            "It was truncated by max_tokens (raise it)."
            if cut
            else advice(self.engine, self.method)
        )
        found = f"The answer of {self.model_uid} does not match the schema: {what}."
        return f"{found} {why}".rstrip()


def _refused(answer: AIMessage, message: str) -> Exception:
    if kind := getattr(exceptions, "ModelRefusalError", None):
        error: Exception = kind(message, raw_message=answer)
        return error
    return OutputParserException(message)


def _is_answer(given: Any) -> TypeGuard[AIMessage]:
    return isinstance(given, AIMessage)


def without_link(error: Exception) -> str:
    """Return an error's message without the link that langchain-core adds."""
    return str(error).partition("\nFor troubleshooting")[0]


def advice(engine: str | None, method: str) -> str:
    """Say how the engine treats `method` and which one works; empty for unknown engines."""
    name = (engine or "").casefold()
    if name in FOLLOW_A_SCHEMA and method == "json_mode":
        return (
            f'{method} asks only for JSON; method="json_schema" makes {engine} follow the schema.'
        )
    if name == TRANSFORMERS and method != "function_calling":
        return (
            f"The {engine} engine ignores {method}; "
            'method="function_calling" at least shows the schema to the model.'
        )
    if name == TRANSFORMERS:
        return (
            f'The {engine} engine enforces no schema; {LLAMA_CPP} does, with method="json_schema".'
        )
    return ""
