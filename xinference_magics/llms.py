"""XinferenceLLM: a text completion model on an Xinference server as a LangChain object.

It is `ChatXinference` without the chat: the same parameters, errors and clients, and
``/v1/completions`` instead of ``/v1/chat/completions``.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, closing
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, ClassVar, Self

from langchain_core.callbacks import Callbacks
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import Generation, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import ConfigDict, PrivateAttr
from typing_extensions import override

from xinference_magics.models.text_model import TextModel, warn_about_ignored
from xinference_magics.transport.routes import Route, complete
from xinference_magics.wire.parameters import TEXT_CALL_NAMES, reject_unknown
from xinference_magics.wire.request import text_request
from xinference_magics.wire.text import TextStreamConverter, to_generation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.outputs import GenerationChunk

    from xinference_magics.wire.request import Request


class XinferenceLLM(TextModel, BaseLLM):
    """A text completion model that runs on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop. Its
    parameters are those of `ChatXinference`; token usage, log probabilities and the finish
    reason of an answer are in `generation_info`. The transformers engine completes texts only
    with models that have the ability ``generate``.

    Instantiate:
        ```python
        from xinference_magics import XinferenceLLM

        llm = XinferenceLLM(
            server_url="http://127.0.0.1:9997",
            model_uid="my-text-model",
            temperature=0,
            max_tokens=64,
        )
        ```

    Invoke:
        ```python
        text = llm.invoke("The capital of France is", max_tokens=16)
        ```

    Stream:
        ```python
        for piece in llm.stream("Once upon a time"):
            print(piece, end="")
        ```

    Async:
        ```python
        text = await llm.ainvoke("The capital of Japan is")
        async for piece in llm.astream("Once upon a time"):
            print(piece, end="")
        ```
    """

    model_config = ConfigDict(extra="forbid")

    _route: ClassVar[Route] = complete

    _call: dict[str, Any] = PrivateAttr(default_factory=dict)
    """The parameters of the call that this copy of the model was made for."""

    @override
    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        requests = [self._request(each, stop, kwargs, stream=self.streaming) for each in prompts]
        return _result([self._answer(each, run_manager) for each in requests])

    def _answer(self, request: Request, run_manager: CallbackManagerForLLMRun | None) -> Generation:
        if self.streaming:
            return _whole(list(self._read(request, run_manager)))
        return to_generation(self._endpoint.answer(request.body), request)

    @override
    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        requests = [self._request(each, stop, kwargs, stream=self.streaming) for each in prompts]
        asked = [asyncio.ensure_future(self._aanswer(each, run_manager)) for each in requests]
        try:
            return _result(await asyncio.gather(*asked))
        finally:
            for each in asked:
                each.cancel()  # those that still run if one has failed

    async def _aanswer(
        self, request: Request, run_manager: AsyncCallbackManagerForLLMRun | None
    ) -> Generation:
        if self.streaming:
            return _whole([chunk async for chunk in self._aread(request, run_manager)])
        return to_generation(await self._endpoint.aanswer(request.body), request)

    @override
    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        return self._read(self._request(prompt, stop, kwargs, stream=True), run_manager)

    def _read(
        self, request: Request, run_manager: CallbackManagerForLLMRun | None
    ) -> Iterator[GenerationChunk]:
        converter = TextStreamConverter(request)
        with closing(self._endpoint.chunks(request.body)) as answer:
            for data in answer:
                chunk = converter.feed(data)
                if chunk is not None:
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
        yield converter.end()

    @override
    def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        return self._aread(self._request(prompt, stop, kwargs, stream=True), run_manager)

    async def _aread(
        self, request: Request, run_manager: AsyncCallbackManagerForLLMRun | None
    ) -> AsyncIterator[GenerationChunk]:
        converter = TextStreamConverter(request)
        async with aclosing(self._endpoint.achunks(request.body)) as answer:
            async for data in answer:
                chunk = converter.feed(data)
                if chunk is not None:
                    if run_manager:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
        yield converter.end()

    def _request(
        self, prompt: str, stop: list[str] | None, call: dict[str, Any], *, stream: bool = False
    ) -> Request:
        request = text_request(prompt, self._defaults, {**call, "stop": stop}, stream=stream)
        warn_about_ignored(request)
        return request

    def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, str]:
        """Return this model with `kwargs` passed to each of its calls.

        Raises:
            BadRequestError: There is no such parameter.
        """
        reject_unknown(kwargs, TEXT_CALL_NAMES)
        return super().bind(**kwargs)

    # langchain-core's own methods leave the call's parameters out of the cache key.

    @override
    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        return BaseLLM.generate(self._for_call(kwargs), prompts, stop, callbacks, **kwargs)

    @override
    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        asked = self._for_call(kwargs)
        return await BaseLLM.agenerate(asked, prompts, stop, callbacks, **kwargs)

    def _for_call(self, arguments: dict[str, Any]) -> Self:
        """Return a model whose identifying parameters include those of the call."""
        call = {name: arguments[name] for name in TEXT_CALL_NAMES if name in arguments}
        if not call:
            return self
        _ = self._endpoint  # created first, so that the copy shares its connections
        copied = self.model_copy()
        copied._call = call  # noqa: SLF001  # of this class
        return copied

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # langchain-core replaces "stop" by that of the call, even if the call has none.
        own = {"stop_of_model": self.stop} if self.stop else {}
        return {**super()._identifying_params, **own, **self._call}

    # langchain-core's own methods ask one prompt after the other, and ignore each input's config.

    @override
    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        return Runnable.batch(self, inputs, config, return_exceptions=return_exceptions, **kwargs)

    @override
    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        return await Runnable.abatch(
            self, inputs, config, return_exceptions=return_exceptions, **kwargs
        )

    @property
    def _llm_type(self) -> str:
        return "xinference"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self._traced(super()._get_ls_params(stop=self._stops(stop), **kwargs), kwargs)


def _whole(chunks: list[GenerationChunk]) -> Generation:
    whole = reduce(add, chunks)
    return Generation(text=whole.text, generation_info=whole.generation_info)


def _result(generations: Sequence[Generation]) -> LLMResult:
    infos = [each.generation_info or {} for each in generations]
    about = {"model_name": infos[0]["model_name"], **_token_usage(infos)} if infos else {}
    return LLMResult(generations=[[each] for each in generations], llm_output=about)


def _token_usage(infos: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return the sum of all answers; empty if one is unknown, since the sum then is as well."""
    usages = [info.get("usage_metadata") for info in infos]
    counted = [usage for usage in usages if usage]
    if len(counted) < len(usages):
        return {}
    names = ("input_tokens", "output_tokens", "total_tokens")
    return {"token_usage": {name: sum(usage[name] for usage in counted) for name in names}}
