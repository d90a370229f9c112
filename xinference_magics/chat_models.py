"""ChatXinference: a chat model of an Xinference server as a LangChain object.

A call goes one way, streamed or not, sync or async:

    messages, fields, arguments --wire.request--> a JSON body
    body --transport.chat--> Xinference --> an answer, or its chunks
    an answer --wire.answer--> AIMessage,  a chunk --wire.stream--> ChatGenerationChunk

All translation is pure and shared; the four methods that langchain-core calls
(`_generate`, `_agenerate`, `_stream`, `_astream`) are only the loops around it.
"""

from __future__ import annotations

import warnings
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Self

from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field, model_validator

from xinference_magics import __version__
from xinference_magics.call_config import ConfigurableCalls
from xinference_magics.served import ServedModel
from xinference_magics.structured_output import structured
from xinference_magics.wire.answer import to_message
from xinference_magics.wire.engines import unheeded, unmet_choice
from xinference_magics.wire.metadata import PROVIDER
from xinference_magics.wire.parameters import (
    CALL_NAMES,
    NAMES,
    GenerationParameters,
    refuse_unknown,
)
from xinference_magics.wire.request import ChatRequest, chat_request
from xinference_magics.wire.stream import StreamConverter
from xinference_magics.wire.tools import tool_dicts, wire_choice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Sequence

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.language_models.chat_models import _ChatModelBinding
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGenerationChunk
    from langchain_core.runnables import Runnable
    from pydantic import BaseModel

    from xinference_magics.structured_output import Method
    from xinference_magics.wire.tools import Tool


class ChatXinference(GenerationParameters, ServedModel, ConfigurableCalls):
    """A chat model that runs on an Xinference server.

    Making one sends nothing, and it may be used from any thread and event loop. Every
    generation parameter is a field, and can be given to `bind` or to a call as well;
    `max_tokens`, `temperature`, `top_p` and `seed` also in a call's config. What is misspelt
    is refused; `extra_body` passes anything through.

    Example:
        >>> llm = ChatXinference(server_url="http://127.0.0.1:9997", model_uid="qwen3")
        >>> llm.invoke("Where can we visit in the capital of France?", max_tokens=512)

    Args:
        server_url: Where the server is; also `base_url`. Left out, ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    streaming: bool = False
    """Whether `invoke` streams too, for callbacks that want tokens."""

    stream_usage: bool = True
    """Whether a stream ends with its token usage."""

    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Added to every request's body as it is, for what has no field here."""

    engine: str | None = None
    """The engine that runs the model, as the server calls it; decides how media are sent."""

    think_prefilled: bool = False
    """Whether the chat template ends in ``<think>``, so that answers only close the tag."""

    def __init__(
        self, server_url: str | None = None, model_uid: str | None = None, **fields: Any
    ) -> None:
        named: dict[str, Any] = {"server_url": server_url, "model_uid": model_uid}
        super().__init__(**{k: v for k, v in named.items() if v is not None}, **fields)

    @model_validator(mode="after")
    def _set_xinference_magics_version(self) -> Self:
        self._add_version("xinference-magics", __version__)
        return self

    # What langchain-core calls

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        request = self._request(messages, stop, kwargs)
        return _result(self._endpoint.answer(request.body), request)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        request = self._request(messages, stop, kwargs)
        return _result(await self._endpoint.aanswer(request.body), request)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs, stream=True)
        converter = StreamConverter(request)
        with closing(self._endpoint.chunks(request.body)) as answer:
            for data in answer:
                chunk = converter.feed(data)
                if chunk is not None:
                    yield chunk
        yield converter.end()
        _say_if_unmet(request, converter.called)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs, stream=True)
        converter = StreamConverter(request)
        async with aclosing(self._endpoint.achunks(request.body)) as answer:
            async for data in answer:
                chunk = converter.feed(data)
                if chunk is not None:
                    yield chunk
        yield converter.end()
        _say_if_unmet(request, converter.called)

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        call: dict[str, Any],
        *,
        stream: bool = False,
    ) -> ChatRequest:
        request = chat_request(
            messages,
            model_uid=self.model_uid,
            fields=self.generation_parameters,
            call={**call, "stop": stop},
            extra_body=self.extra_body,
            engine=self.engine,
            think_prefilled=self.think_prefilled,
            stream=stream,
            stream_usage=self.stream_usage,
        )
        for sentence in unheeded(request):
            warnings.warn(sentence, stacklevel=2)
        return request

    @property
    def generation_parameters(self) -> dict[str, Any]:
        """The generation parameters that are set on this model, by name."""
        values = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in values.items() if value is not None}

    # Tools and structured output

    def bind(self, **kwargs: Any) -> _ChatModelBinding:
        """Return this model with `kwargs` given to each of its calls.

        Raises:
            BadRequestError: There is no such parameter.
        """
        refuse_unknown(kwargs, CALL_NAMES)
        return super().bind(**kwargs)

    def bind_tools(
        self,
        tools: Sequence[Tool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools that it may call.

        Args:
            tools: LangChain tools, functions, Pydantic classes, TypedDicts or JSON schemas.
            tool_choice: ``"auto"``, ``"none"``, ``"any"``, ``"required"``, True, a tool's
                name, or a dict that names one. The transformers engine ignores it.
            strict: Whether arguments must follow the schema, where the engine can enforce it.
            parallel_tool_calls: Whether several calls may come at once, where the engine asks.
            kwargs: Given to each call, as by `bind`.

        Raises:
            BadRequestError: `tool_choice` names none of the tools.
        """
        sent = tool_dicts(tools, strict=strict)
        bound = {
            "tools": sent,
            "tool_choice": wire_choice(tool_choice, sent),
            "parallel_tool_calls": parallel_tool_calls,
        }
        given = {name: value for name, value in bound.items() if value is not None}
        return self.bind(**given, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Return a runnable whose answers have the form of `schema`.

        Args:
            schema: A Pydantic class, a TypedDict, or a JSON schema; None with ``json_mode``.
            method: ``"function_calling"`` asks for a tool call, ``"json_schema"`` has the
                engine follow the schema, ``"json_mode"`` only expects JSON. Left out,
                ``"json_schema"`` on an engine known to follow it, else ``"function_calling"``.
            include_raw: Whether to return `raw`, `parsed` and `parsing_error` in a dict.
            strict: Whether the schema must be followed exactly, where the engine can.
            kwargs: Given to each call, as by `bind`.
        """
        return structured(
            self, schema, method=method, include_raw=include_raw, strict=strict, **kwargs
        )

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of `text`, without asking or downloading anything."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return count_tokens_approximately([text], extra_tokens_per_message=0)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[Tool] | None = None,
    ) -> int:
        """Estimate the tokens of `messages`, without asking or downloading anything."""
        if self.custom_get_token_ids is not None:
            return super().get_num_tokens_from_messages(messages, tools)
        return count_tokens_approximately(messages, tools=[*tool_dicts(tools or ())])

    # Identity: traces, caches, dumps, copies

    @property
    def _llm_type(self) -> str:
        return "chat-xinference"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        extra = {"extra_body": self.extra_body} if self.extra_body else {}
        where = {"model_uid": self.model_uid, "server_url": self.server_url, "engine": self.engine}
        return {**where, **self.generation_parameters, **extra}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop
        params = super()._get_ls_params(stop=stop or stops or None, **kwargs)
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = kwargs.get("model") or self.model_uid
        return params

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Tell langchain-core that this class can be dumped; secrets are redacted."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Where the secret fields come from when a dump is loaded."""
        return {"api_key": "XINFERENCE_API_KEY"}


def _result(data: dict[str, Any], request: ChatRequest) -> ChatResult:
    message = to_message(data, request)
    _say_if_unmet(request, {call["name"] for call in message.tool_calls})
    finish = message.response_metadata["finish_reason"]
    generation = ChatGeneration(message=message, generation_info={"finish_reason": finish})
    return ChatResult(generations=[generation])


def _say_if_unmet(request: ChatRequest, called: Collection[str | None]) -> None:
    if sentence := unmet_choice(request, called):
        warnings.warn(sentence, stacklevel=2)
