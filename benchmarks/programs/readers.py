"""Ways of reading the same stream; each returns the number of characters it saw.

Runs in the environment of the package, where the peers are installed too: in plain processes, and
in kernels.
"""

from __future__ import annotations

import http.client
import json
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import openai
from IPython import get_ipython
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from live import CONFIG, MESSAGES, text_of
from xinference_client.client.restful.async_restful_client import AsyncRESTfulChatModelHandle
from xinference_client.client.restful.restful_client import RESTfulChatModelHandle

from xinference_magics.chat_models import ChatXinference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


class TrivialChat(BaseChatModel):
    """The simplest possible chat model over xinference-client."""

    endpoint: str
    uid: str

    @property
    def _llm_type(self) -> str:
        return "trivial"

    def _generate(self, _messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(
        self, _messages: list[BaseMessage], *_: Any, **__: Any
    ) -> Iterator[ChatGenerationChunk]:
        handle = RESTfulChatModelHandle(self.uid, self.endpoint, {})
        for data in handle.chat(MESSAGES, generate_config=CONFIG):
            if text := text_of(data):
                yield ChatGenerationChunk(message=AIMessageChunk(content=text))

    async def _astream(
        self, _messages: list[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        handle = AsyncRESTfulChatModelHandle(self.uid, self.endpoint, {})
        async with aclosing(await handle.chat(MESSAGES, generate_config=CONFIG)) as stream:
            async for data in stream:
                if text := text_of(data):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        await handle.close()


def _text_in(line: bytes) -> str:
    return text_of(json.loads(line[6:])) if line.startswith(b"data: {") else ""


def _body(uid: str) -> dict[str, Any]:
    return {"model": uid, "messages": MESSAGES, "stream": True}


def raw(endpoint: str, uid: str) -> int:
    """Read with the standard library only."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(_body(uid)), headers)
    with connection.getresponse() as response:
        seen = sum(len(_text_in(line)) for line in response)
    connection.close()
    return seen


async def araw(endpoint: str, uid: str) -> int:
    """Read with aiohttp only."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(endpoint + "/v1/chat/completions", json=_body(uid)) as response,
    ):
        return sum([len(_text_in(line)) async for line in response.content])


def client(endpoint: str, uid: str) -> int:
    """Read with xinference-client."""
    handle = RESTfulChatModelHandle(uid, endpoint, {})
    return sum(len(text_of(data)) for data in handle.chat(MESSAGES, generate_config=CONFIG))


async def aclient(endpoint: str, uid: str) -> int:
    """Read with xinference-client."""
    handle = AsyncRESTfulChatModelHandle(uid, endpoint, {})
    stream = await handle.chat(MESSAGES, generate_config=CONFIG)
    seen = sum([len(text_of(data)) async for data in stream])
    await handle.close()
    return seen


def openai_client(endpoint: str, uid: str) -> int:
    """Read with the openai client."""
    with openai.OpenAI(base_url=endpoint + "/v1", api_key="none") as made:
        stream = made.chat.completions.create(model=uid, messages=MESSAGES, stream=True)
        return sum(len(each.choices[0].delta.content or "") for each in stream if each.choices)


async def aopenai_client(endpoint: str, uid: str) -> int:
    """Read with the openai client."""
    async with openai.AsyncOpenAI(base_url=endpoint + "/v1", api_key="none") as made:
        stream = await made.chat.completions.create(model=uid, messages=MESSAGES, stream=True)
        texts = [each.choices[0].delta.content async for each in stream if each.choices]
        return sum(len(text or "") for text in texts)


def model(name: str, endpoint: str, uid: str) -> BaseChatModel:
    """Make one of the LangChain chat models."""
    if name == "trivial chat model":
        return TrivialChat(endpoint=endpoint, uid=uid)
    if name == "ChatOpenAI":
        return ChatOpenAI(model=uid, base_url=endpoint + "/v1", api_key="none")
    return ChatXinference(endpoint, uid)


def langchain(name: str) -> Callable[[str, str], int]:
    """Read with a LangChain chat model."""

    def read(endpoint: str, uid: str) -> int:
        return sum(len(chunk.text) for chunk in model(name, endpoint, uid).stream("Count."))

    return read


def alangchain(name: str) -> Callable[[str, str], Awaitable[int]]:
    """Read with a LangChain chat model."""

    async def read(endpoint: str, uid: str) -> int:
        stream = model(name, endpoint, uid).astream("Count.")
        return sum([len(chunk.text) async for chunk in stream])

    return read


async def magic(_endpoint: str, uid: str) -> int:
    """Read with ``%%chat``, in a kernel connected to the server."""
    turn = get_ipython().run_cell_magic("chat", f"-m {uid} --once", "Count.")
    return len(turn.text)


async def in_kernel_client(endpoint: str, uid: str) -> int:
    """Read with xinference-client, as a cell would."""
    return client(endpoint, uid)


IN_KERNEL = {
    "%%chat": magic,
    "llm.astream": alangchain("ChatXinference"),
    "xinference-client": in_kernel_client,
    "ChatOpenAI.astream": alangchain("ChatOpenAI"),
}


async def timed(name: str, endpoint: str, uid: str) -> str:
    """Return the seconds, CPU seconds and characters of one read in a kernel, as JSON."""
    wall, cpu = time.perf_counter(), time.process_time()
    seen = await IN_KERNEL[name](endpoint, uid)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return json.dumps({"seconds": wall, "cpu": cpu, "characters": seen})
