"""ChatXinference: a chat model on an Xinference server as a LangChain object.

Every call takes the same path, streamed or not, sync or async:

    messages, fields, arguments --wire.request--> a JSON body
    body --transport.inference--> Xinference --> an answer, or its chunks
    an answer --wire.answer--> AIMessage,  a chunk --wire.stream--> ChatGenerationChunk

All translation is pure and shared; the four methods that langchain-core calls
(`_generate`, `_agenerate`, `_stream`, `_astream`) are only the loops around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import (
    BaseChatModel,
    agenerate_from_stream,
    generate_from_stream,
)
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict

from xinference_magics.errors import ServerError
from xinference_magics.models.form_beside_tools import (
    answered_by,
    tool_of_form,
    with_form_and_tools,
)
from xinference_magics.models.streamed_answer import StreamedAnswer
from xinference_magics.models.text_model import (
    DescribedModel,
    warn_about_ignored,
    warn_if_choice_unmet,
)
from xinference_magics.notes import note
from xinference_magics.transport.routes import Route, chat
from xinference_magics.wire.answer import to_message
from xinference_magics.wire.engines import Method, ignored_in_chat, omits_reasoning
from xinference_magics.wire.parameters import CALL_NAMES, reject_unknown
from xinference_magics.wire.profile import unreadable
from xinference_magics.wire.request import chat_request
from xinference_magics.wire.tokens import estimated_message_tokens
from xinference_magics.wire.tools import Tool, tool_dicts, wire_choice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.language_models.chat_models import _ChatModelBinding
    from langchain_core.outputs import ChatGenerationChunk

    from xinference_magics.wire.request import ChatRequest, ModelDefaults
else:
    _ChatModelBinding = Runnable  # private in langchain-core, which reads the hints of methods


class ChatXinference(DescribedModel, BaseChatModel):
    """A chat model that runs on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop. If `engine` or
    `profile` is missing, the server is asked for it when a request depends on it: with media,
    forced or earlier tool calls, and for structured output.

    Setup:
        Launch a chat model on the server. The environment can supply the URL and the API key.

        ```sh
        pip install xinference-magics
        export XINFERENCE_ENDPOINT=http://127.0.0.1:9997
        export XINFERENCE_API_KEY=my-key  # only if the server requires one
        ```

    Instantiate:
        Every generation parameter is a field, and can also be passed to `bind` or to a call;
        `max_tokens`, `temperature`, `top_p` and `seed` also in a call's config. Misspelt names
        are rejected; `extra_body` passes anything through.

        ```python
        from xinference_magics import ChatXinference

        llm = ChatXinference(
            server_url="http://127.0.0.1:9997", model_uid="my-chat-model", temperature=0
        )
        ```

    Invoke:
        ```python
        question = "Where can we visit in the capital of France?"
        answer = llm.invoke(question, max_tokens=200)
        print(answer.content)
        ```

    Stream:
        ```python
        for chunk in llm.stream(question):
            print(chunk.content, end="")
        ```

    Async:
        ```python
        answer = await llm.ainvoke(question)
        async for chunk in llm.astream(question):
            print(chunk.content, end="")
        ```

    Tool calling:
        ```python
        def get_weather(city: str) -> str:
            "Get the current weather of a city."
            return f"22 degrees in {city}"

        calls = llm.bind_tools([get_weather]).invoke("What is the weather in Paris?").tool_calls
        ```

    Structured output:
        ```python
        from pydantic import BaseModel

        class Person(BaseModel):
            name: str
            age: int

        text = "Extract the person: Alice is 30 years old."
        person = llm.with_structured_output(Person).invoke(text)
        ```

    Reasoning:
        ```python
        answer = llm.invoke("What is 17 * 23?", enable_thinking=True)  # for hybrid models
        reasoning, text = answer.content_blocks
        ```

    Multimodal input:
        Pass images, audio and videos as LangChain content blocks, or in the format of OpenAI,
        Anthropic or Vertex; they are sent in the format that the model's engine reads. The server
        opens URLs; this process never does. Paths and ``file://`` are never opened: they, and
        media that the model does not accept, raise BadRequestError before anything is sent.

        ```python
        from base64 import b64encode
        from pathlib import Path

        photo = b64encode(Path("photo.png").read_bytes()).decode()
        image = {"type": "image", "base64": photo, "mime_type": "image/png"}
        text = {"type": "text", "text": "What color is the image?"}
        answer = llm.invoke([("human", [text, image])], model="my-vision-model")
        ```

    Token usage:
        ```python
        answer = llm.invoke(question)
        print(answer.usage_metadata["total_tokens"])  # a stream ends with its usage
        ```

    Response metadata:
        ```python
        print(answer.response_metadata)  # finish_reason, model_name (the UID), request_id, ...
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    _route: ClassVar[Route] = chat

    think_prefilled: bool | None = None
    """Whether the chat template ends in ``<think>``, so that answers only close the tag.

    None decides by the model family, which the profile names.
    """

    @property
    def _defaults(self) -> ModelDefaults:
        return replace(
            super()._defaults,
            think_prefilled=self.think_prefilled,
            unreadable=None if self.profile is None else unreadable(self.profile),
            family=(self.profile or {}).get("name"),
            thinks=None if self.profile is None else self.profile.get("reasoning_output"),
        )

    # What langchain-core calls

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        request = _request(messages, self._described(messages, kwargs), stop, kwargs)
        if omits_reasoning(request):
            return generate_from_stream(self._read(request.streamed))
        return _result(self._endpoint.answer(request.body), request)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        request = _request(messages, await self._adescribed(messages, kwargs), stop, kwargs)
        if omits_reasoning(request):
            return await agenerate_from_stream(self._aread(request.streamed))
        return _result(await self._endpoint.aanswer(request.body), request)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        model = self._described(messages, kwargs)
        return self._read(_request(messages, model, stop, kwargs, stream=True))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        model = await self._adescribed(messages, kwargs)
        request = _request(messages, model, stop, kwargs, stream=True)
        async with aclosing(self._aread(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _read(self, request: ChatRequest) -> Iterator[ChatGenerationChunk]:
        answer = StreamedAnswer(request, in_blocks=self.output_version == "v1")
        try:
            with closing(self._endpoint.chunks(request.body)) as chunks:
                for data in chunks:
                    if (chunk := answer.feed(data)) is not None:
                        yield chunk
        except ServerError as error:
            answer.failed(error)
        yield from answer.end()
        if answer.needs_whole:
            yield from answer.whole(self._endpoint.answer(request.whole))

    async def _aread(self, request: ChatRequest) -> AsyncGenerator[ChatGenerationChunk]:
        answer = StreamedAnswer(request, in_blocks=self.output_version == "v1")
        try:
            async with aclosing(self._endpoint.achunks(request.body)) as chunks:
                async for data in chunks:
                    if (chunk := answer.feed(data)) is not None:
                        yield chunk
        except ServerError as error:
            answer.failed(error)
        for chunk in answer.end():
            yield chunk
        if answer.needs_whole:
            for chunk in answer.whole(await self._endpoint.aanswer(request.whole)):
                yield chunk

    # Tools and structured output

    def bind(self, **kwargs: Any) -> _ChatModelBinding:
        """Return this model with `kwargs` passed to each of its calls.

        Raises:
            BadRequestError: There is no such parameter.
        """
        reject_unknown(kwargs, CALL_NAMES)
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
                name, or a dict that names one. A forced call is enforced on llama.cpp, vLLM
                and SGLang, without reasoning; on transformers the model is asked for it.
            strict: Whether arguments must follow the schema, if the engine can enforce it.
            parallel_tool_calls: Whether the model may make several calls at once, if the engine
                has that option.
            kwargs: Passed to each call, as by `bind`. A `response_format` applies to the answer
                that comes when no more tools are called.

        Raises:
            BadRequestError: `tool_choice` names none of the tools.
        """
        sent = tool_dicts(tools, strict=strict)
        choice = wire_choice(tool_choice, sent)
        bound: dict[str, Any] = {"tool_choice": choice, "parallel_tool_calls": parallel_tool_calls}
        if self.engine is None and sent and kwargs.get("response_format"):
            return with_form_and_tools(self, sent, {**bound, **kwargs})
        form = tool_of_form(self.engine, sent, choice, kwargs.get("response_format"))
        bound["tools"] = sent
        if form is not None:
            del kwargs["response_format"]
            bound |= {"tools": [*sent, form], "tool_choice": "required"}
        given = {name: value for name, value in bound.items() if value is not None}
        asked = self.bind(**given, **kwargs)
        return asked if form is None else asked | answered_by(form["function"]["name"])

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Return a runnable whose answers match `schema`.

        Args:
            schema: A Pydantic class, a TypedDict, or a JSON schema; None with ``json_mode``.
            method: ``"function_calling"`` asks for a tool call, ``"json_schema"`` makes the
                engine follow the schema, ``"json_mode"`` only expects JSON. The default is
                ``"json_schema"`` on an engine that follows schemas, else ``"function_calling"``;
                if `engine` is missing, the server is asked for it at the first call.
            include_raw: Whether to return `raw`, `parsed` and `parsing_error` in a dict.
            strict: Whether the schema must be followed exactly, if the engine can enforce it.
            kwargs: Passed to each call, as by `bind`.
        """
        from xinference_magics.models.structured_output import structured

        return structured(
            self, schema, method=method, include_raw=include_raw, strict=strict, **kwargs
        )

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[Tool] | None = None,
    ) -> int:
        """Estimate the tokens of `messages`, without a request or a download."""
        if self.custom_get_token_ids is not None:
            return super().get_num_tokens_from_messages(messages, tools)
        return estimated_message_tokens(messages, tool_dicts(tools or ()))

    # Identity: traces, caches, dumps, copies

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Return the cache key; langchain-core alone would reuse the fields of the first call."""
        self.__dict__.pop("_serialized", None)
        return super()._get_llm_string(stop, **kwargs)

    @property
    def _llm_type(self) -> str:
        return "chat-xinference"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self._traced(super()._get_ls_params(stop=self._stops(stop), **kwargs), kwargs)


def _request(
    messages: list[BaseMessage],
    model: ModelDefaults,
    stop: list[str] | None,
    call: dict[str, Any],
    *,
    stream: bool = False,
) -> ChatRequest:
    request = chat_request(messages, model, {**call, "stop": stop}, stream=stream)
    warn_about_ignored(request)
    for sentence in ignored_in_chat(request):
        note(sentence)
    return request


def _result(data: dict[str, Any], request: ChatRequest) -> ChatResult:
    message = to_message(data, request)
    begun = [*message.tool_calls, *message.invalid_tool_calls]
    names = {call["name"] for call in begun if call["name"]}
    warn_if_choice_unmet(request, names, message.response_metadata)
    finish = message.response_metadata["finish_reason"]
    generation = ChatGeneration(message=message, generation_info={"finish_reason": finish})
    return ChatResult(generations=[generation])
