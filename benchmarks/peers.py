"""Ways of reading the same stream: sync and async, each returns how many texts it saw."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from xinference_client.client.restful.async_restful_client import AsyncRESTfulChatModelHandle
from xinference_client.client.restful.restful_client import RESTfulChatModelHandle

from xinference_magics.chat_models import ChatXinference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MESSAGES = [{"role": "user", "content": "Count."}]
BODY = {"model": "tiny", "messages": MESSAGES, "stream": True}
CONFIG = {"stream": True}


class TrivialChat(BaseChatModel):
    """The least that a chat model over xinference-client can be."""

    endpoint: str

    @property
    def _llm_type(self) -> str:
        return "trivial"

    def _generate(self, _messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(
        self, _messages: list[BaseMessage], *_: Any, **__: Any
    ) -> Iterator[ChatGenerationChunk]:
        handle = RESTfulChatModelHandle("tiny", self.endpoint, {})
        for data in handle.chat(MESSAGES, generate_config=CONFIG):
            if text := _text(data):
                yield ChatGenerationChunk(message=AIMessageChunk(content=text))

    async def _astream(
        self, _messages: list[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        handle = AsyncRESTfulChatModelHandle("tiny", self.endpoint, {})
        async for data in await handle.chat(MESSAGES, generate_config=CONFIG):
            if text := _text(data):
                yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        await handle.close()


def _text(data: dict[str, Any]) -> str:
    return data["choices"][0]["delta"].get("content") or "" if data["choices"] else ""


def _texts_in(line: bytes) -> int:
    if not line.startswith(b"data: {"):
        return 0
    return bool(_text(json.loads(line[6:])))


def raw(endpoint: str) -> int:
    """Read with the standard library alone."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(BODY), headers)
    with connection.getresponse() as response:
        seen = sum(map(_texts_in, response))
    connection.close()
    return seen


async def araw(endpoint: str) -> int:
    """Read with aiohttp alone."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(endpoint + "/v1/chat/completions", json=BODY) as response,
    ):
        return sum([_texts_in(line) async for line in response.content])


def client(endpoint: str) -> int:
    """Read with xinference-client."""
    handle = RESTfulChatModelHandle("tiny", endpoint, {})
    return sum(bool(_text(data)) for data in handle.chat(MESSAGES, generate_config=CONFIG))


async def aclient(endpoint: str) -> int:
    """Read with xinference-client."""
    handle = AsyncRESTfulChatModelHandle("tiny", endpoint, {})
    stream = await handle.chat(MESSAGES, generate_config=CONFIG)
    seen = sum([bool(_text(data)) async for data in stream])
    await handle.close()
    return seen


def openai_client(endpoint: str) -> int:
    """Read with the openai client."""
    with openai.OpenAI(base_url=endpoint + "/v1", api_key="none") as made:
        stream = made.chat.completions.create(model="tiny", messages=MESSAGES, stream=True)
        return sum(bool(each.choices and each.choices[0].delta.content) for each in stream)


async def aopenai_client(endpoint: str) -> int:
    """Read with the openai client."""
    async with openai.AsyncOpenAI(base_url=endpoint + "/v1", api_key="none") as made:
        stream = await made.chat.completions.create(model="tiny", messages=MESSAGES, stream=True)
        return sum([bool(each.choices and each.choices[0].delta.content) async for each in stream])


def _model(name: str, endpoint: str) -> BaseChatModel:
    if name == "trivial":
        return TrivialChat(endpoint=endpoint)
    if name == "ChatOpenAI":
        return ChatOpenAI(model="tiny", base_url=endpoint + "/v1", api_key="none")
    return ChatXinference(endpoint, "tiny")


def langchain(name: str, endpoint: str) -> int:
    """Read with a LangChain chat model; counted in texts, since one chunk may hold several."""
    texts = [chunk.text for chunk in _model(name, endpoint).stream("Count.")]
    return "".join(texts).count(" word")


async def alangchain(name: str, endpoint: str) -> int:
    """Read with a LangChain chat model."""
    texts = [chunk.text async for chunk in _model(name, endpoint).astream("Count.")]
    return "".join(texts).count(" word")
