"""ChatXinference: a chat model of an Xinference server as a LangChain object.

A call goes one way, streamed or not, sync or async:

    messages, fields, arguments --wire.request--> a JSON body
    body --transport.chat--> Xinference --> an answer, or its chunks
    an answer --wire.answer--> AIMessage,  a chunk --wire.stream--> ChatGenerationChunk

All translation is pure and shared; the four methods that langchain-core calls
(`_generate`, `_agenerate`, `_stream`, `_astream`) are only the loops around it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.language_models.chat_models import LangSmithParams
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils import secret_from_env
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from xinference_magics import __version__
from xinference_magics.call_config import ConfigurableCalls
from xinference_magics.errors import BadRequestError
from xinference_magics.structured_output import Method, structured
from xinference_magics.transport.chat import ChatEndpoint
from xinference_magics.transport.endpoint import INFERENCE, Timeouts, resolve
from xinference_magics.wire.answer import to_message
from xinference_magics.wire.metadata import PROVIDER
from xinference_magics.wire.parameters import (
    CALL_NAMES,
    NAMES,
    GenerationParameters,
    refuse_unknown,
)
from xinference_magics.wire.request import ChatRequest, chat_request
from xinference_magics.wire.stream import StreamConverter
from xinference_magics.wire.tools import Tool, tool_choice, tool_dicts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGenerationChunk
    from langchain_core.runnables import Runnable
    from pydantic import BaseModel
    from typing_extensions import Self

_OTHER_NAMES = {"base_url": "server_url", "model": "model_uid", "model_kwargs": "extra_body"}


class ChatXinference(GenerationParameters, ConfigurableCalls):
    """A chat model that runs on an Xinference server.

    Making one sends nothing; clients are opened at the first call, one for all threads and
    one for each event loop. Every generation parameter is a field, and can be given to
    `bind` or to a call as well; `max_tokens`, `temperature`, `top_p` and `seed` also in a
    call's config. What is misspelt is refused; `extra_body` passes anything through.

    Example:
        >>> llm = ChatXinference(server_url="http://127.0.0.1:9997", model_uid="qwen3")
        >>> llm.invoke("Where can we visit in the capital of France?", max_tokens=512)

    Args:
        server_url: Where the server is; also `base_url`. Left out, ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    server_url: str
    """Where the server is."""

    model_uid: str
    """The UID under which the model runs."""

    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("XINFERENCE_API_KEY", default=None)
    )
    """Where the server asks for one; left out, ``$XINFERENCE_API_KEY``."""

    token_source: Callable[[], str | None] | None = Field(default=None, exclude=True, repr=False)
    """Asked before each request for a token that changes; counts before `api_key`.

    It is neither dumped nor pickled.
    """

    timeout: float | tuple[float, float | None] | None = None
    """The longest silence of the server in seconds, or (to connect, silence).

    Left out, 5 s to connect and 600 s of silence; there is no limit on a whole answer.
    """

    max_retries: int = Field(default=0, ge=0)
    """How often to ask again while the model is still loading."""

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

    _chat: ChatEndpoint | None = PrivateAttr(default=None)
    _chat_settings: tuple[Any, ...] = PrivateAttr(default=())

    def __init__(
        self, server_url: str | None = None, model_uid: str | None = None, **fields: Any
    ) -> None:
        named = {"server_url": server_url, "model_uid": model_uid}
        super().__init__(**{k: v for k, v in named.items() if v is not None}, **fields)

    @model_validator(mode="before")
    @classmethod
    def _take_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Accept LangChain's usual names too, and refuse unknown ones with the nearest."""
        for other, name in _OTHER_NAMES.items():
            if other in given and name in given:
                raise BadRequestError(f"{other} and {name} are the same; give one of them.")
        refuse_unknown(given, [*cls.model_fields, *_OTHER_NAMES])
        taken = {_OTHER_NAMES.get(name, name): value for name, value in given.items()}
        return {**taken, "server_url": resolve(taken.get("server_url"))}

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
        return _result(to_message(self._endpoint().answer(request.body), request))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        request = self._request(messages, stop, kwargs)
        return _result(to_message(await self._endpoint().aanswer(request.body), request))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs, stream=True)
        converter = StreamConverter(request)
        with closing(self._endpoint().chunks(request.body)) as answer:
            for data in answer:
                chunk = converter.feed(data)
                if chunk is not None:
                    yield chunk
        yield converter.end()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs, stream=True)
        converter = StreamConverter(request)
        async with aclosing(self._endpoint().achunks(request.body)) as answer:
            async for data in answer:
                chunk = converter.feed(data)
                if chunk is not None:
                    yield chunk
        yield converter.end()

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        call: dict[str, Any],
        *,
        stream: bool = False,
    ) -> ChatRequest:
        return chat_request(
            messages,
            model_uid=self.model_uid,
            fields=self._parameters,
            call={**call, "stop": stop},
            extra_body=self.extra_body,
            engine=self.engine,
            think_prefilled=self.think_prefilled,
            stream=stream,
            stream_usage=self.stream_usage,
        )

    @property
    def _parameters(self) -> dict[str, Any]:
        """The generation parameters that are set."""
        values = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in values.items() if value is not None}

    # Tools and structured output

    def bind(self, **kwargs: Any) -> Any:
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
            "tool_choice": choose(tool_choice, sent),
            "parallel_tool_calls": parallel_tool_calls,
        }
        return self.bind(**{k: v for k, v in bound.items() if v is not None}, **kwargs)
