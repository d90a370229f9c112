"""LangChain's features around a model: caches, callbacks, events, blocks, fallbacks, dumps."""

import copy
import inspect
import pickle
import typing

import pytest
import recorded
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import HumanMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import ModelNotReadyError, ServerError, XinferenceError
from xinference_magics.llms import XinferenceLLM
from xinference_magics.rerank import XinferenceRerank


class Person(BaseModel):
    name: str


WHOLE = Reply(body=recorded.whole({"content": "Hello!"}))
FAILED = Stream([*recorded.llama("Hel")[:2], {"error": recorded.FAILED}], done=False)
LOADING = Reply(503, {"detail": "Model is loading"})


@pytest.fixture
def server():
    with ScriptedServer(WHOLE) as server:
        yield server


@pytest.fixture
def streaming():
    with ScriptedServer(Stream(recorded.llama("Hel", "lo!"))) as server:
        yield server


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


class TestCache:
    async def test_the_same_request_is_sent_once(self, server):
        llm = model(server, cache=InMemoryCache())
        answers = [llm.invoke("x"), llm.invoke("x"), await llm.ainvoke("x")]
        assert {answer.content for answer in answers} == {"Hello!"}
        assert len(server.bodies) == 1

    def test_what_changes_the_answer_is_part_of_the_key(self, server):
        cache = InMemoryCache()
        llm = model(server, cache=cache)
        llm.invoke("x")
        llm.invoke("x", temperature=1)
        llm.invoke("x", config={"max_tokens": 5})
        model(server, cache=cache, seed=1).invoke("x")
        model(server, cache=cache, extra_body={"min_p": 0.1}).invoke("x")
        ChatXinference(server.endpoint, "other", cache=cache).invoke("x")
        assert len(server.bodies) == 6
        llm.model_copy().invoke("x")
        assert len(server.bodies) == 6

    async def test_a_changed_model_has_its_own_key(self, server):
        llm = model(server, cache=InMemoryCache())
        llm.invoke("x")
        llm.model_copy(update={"temperature": 0.5}).invoke("x")
        await llm.model_copy(update={"model_uid": "other"}).ainvoke("x")
        llm.seed = 1
        llm.invoke("x")
        llm.extra_body["a"] = 1
        llm.invoke("x")
        llm.invoke("x", model="third")
        assert len(server.bodies) == 6
        llm.model_copy().invoke("x")
        await copy.deepcopy(llm).ainvoke("x")
        assert len(server.bodies) == 6

    def test_credentials_are_not_part_of_the_key(self, server):
        cache = InMemoryCache()
        model(server, cache=cache, api_key="xf-secret").invoke("x")
        assert "xf-secret" not in str(cache._cache)


class Heard(BaseCallbackHandler):
    def __init__(self):
        self.heard = []

    def on_chat_model_start(self, *_, **__):
        self.heard.append("start")

    def on_llm_new_token(self, token, *, chunk, **_):
        assert chunk.text == token
        self.heard.append(token)

    def on_llm_end(self, response, **_):
        self.heard.append(f"end: {response.generations[0][0].text}")

    def on_llm_error(self, error, **_):
        self.heard.append(type(error).__name__)


class AsyncHeard(AsyncCallbackHandler, Heard):
    async def on_chat_model_start(self, *arguments, **named):
        Heard.on_chat_model_start(self, *arguments, **named)

    async def on_llm_new_token(self, token, **named):
        Heard.on_llm_new_token(self, token, **named)

    async def on_llm_end(self, response, **_):
        Heard.on_llm_end(self, response)

    async def on_llm_error(self, error, **_):
        Heard.on_llm_error(self, error)


class TestCallbacks:
    async def test_each_token_is_reported_once(self, streaming):
        heard = ["start", "Hel", "lo!", "", "end: Hello!"]
        for ask in (lambda *how: list(ChatXinference.stream(*how)), ChatXinference.invoke):
            callback = Heard()
            ask(model(streaming, streaming=True), "x", {"callbacks": [callback]})
            assert callback.heard == heard
        callback = AsyncHeard()
        async for _ in model(streaming).astream("x", {"callbacks": [callback]}):
            pass
        assert callback.heard == heard

    async def test_an_error_is_reported(self):
        with ScriptedServer(FAILED) as server:
            callback, later = Heard(), AsyncHeard()
            with pytest.raises(ServerError):
                list(model(server).stream("x", {"callbacks": [callback]}))
            with pytest.raises(ServerError):
                await model(server, streaming=True).ainvoke("x", {"callbacks": [later]})
        assert callback.heard == later.heard == ["start", "Hel", "InternalServerError"]


async def test_events(streaming):
    events = [each async for each in model(streaming).astream_events("x", version="v2")]
    kinds = [each["event"] for each in events]
    assert kinds == ["on_chat_model_start", *["on_chat_model_stream"] * 3, "on_chat_model_end"]
    assert [each["data"]["chunk"].content for each in events[1:-1]] == ["Hel", "lo!", ""]
    end = events[-1]
    assert end["data"]["output"].usage_metadata["total_tokens"] == 36
    assert end["metadata"]["ls_provider"] == "xinference"


class TestBlocks:
    """`output_version="v1"`: the content is blocks that can be sent back."""

    BLOCKS = (
        {"type": "reasoning", "reasoning": "I see."},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_call", "name": "f", "args": {"a": 1}, "id": "call0"},
    )

    @pytest.fixture
    def whole(self):
        function = {"name": "f", "arguments": '{"a": 1}'}
        call = {"id": "call0", "type": "function", "function": function}
        message = {
            "reasoning_content": "I see.",
            "content": "Let me see.",
            "tool_calls": [call],
        }
        with ScriptedServer(Reply(body=recorded.whole(message, "tool_calls"))) as server:
            yield server

    @pytest.fixture
    def streamed(self):
        chunks = recorded.llama(
            recorded.thought("I "),
            recorded.thought("see."),
            recorded.said("Let me "),
            recorded.said("see."),
            recorded.call_begin("f"),
            recorded.call_more('"a": 1}'),
            finish="tool_calls",
        )
        with ScriptedServer(Stream(chunks)) as server:
            yield server

    def check(self, message):
        content = [{k: v for k, v in block.items() if k != "index"} for block in message.content]
        kept = [
            {k: v for k, v in block.items() if k in ("type", *wanted)}
            for block, wanted in zip(content, self.BLOCKS, strict=True)
        ]
        assert kept == list(self.BLOCKS)
        assert message.response_metadata["output_version"] == "v1"

    async def test_a_whole_answer(self, whole):
        llm = model(whole, output_version="v1")
        for answer in (llm.invoke("x"), await llm.ainvoke("x")):
            self.check(answer)

    async def test_a_stream(self, streamed):
        llm = model(streamed, output_version="v1")
        first, *others = llm.stream("x")
        self.check(sum(others, first))
        first, *others = [chunk async for chunk in llm.astream("x")]
        self.check(sum(others, first))
        self.check(llm.invoke("x", stream=True))

    def test_calls_between_texts(self):
        call = '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>'
        pieces = [*"a ", *call, *" b ", *call, *call, *" c"]
        with ScriptedServer(Stream(recorded.transformers(*pieces))) as server:
            tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
            first, *others = model(server, output_version="v1").bind_tools([tool]).stream("x")
        content = sum(others, first).content
        assert [block.get("text", block.get("args")) for block in content] == [
            "a",
            {"a": 1},
            " b",
            {"a": 1},
            {"a": 1},
            " c",
        ]

    def test_an_answer_in_blocks_can_be_sent_back(self, whole):
        llm = model(whole, output_version="v1")
        llm.invoke([HumanMessage("x"), llm.invoke("x")])
        said = whole.bodies[1]["messages"][1]
        assert said["content"] == "Let me see."
        assert [each["id"] for each in said["tool_calls"]] == ["call0"]
        assert said.keys() == {"role", "content", "tool_calls"}


def test_fallbacks_and_retries_know_our_errors():
    with ScriptedServer(LOADING, WHOLE) as server:
        spare = model(server).with_fallbacks(
            [model(server)], exceptions_to_handle=(XinferenceError,)
        )
        assert spare.invoke("x").content == "Hello!"
    with ScriptedServer(LOADING, WHOLE) as server:
        again = model(server).with_retry(
            retry_if_exception_type=(ModelNotReadyError,), wait_exponential_jitter=False
        )
        assert again.invoke("x").content == "Hello!"


def test_fallbacks_can_have_tools_and_a_schema():
    schema = {"title": "person", "type": "object", "properties": {"name": {"type": "string"}}}
    person = Reply(body=recorded.whole({"content": '{"name": "Ada"}'}))
    with ScriptedServer(LOADING, person, LOADING, WHOLE) as server:
        llm = model(server, engine="vLLM")
        spare = llm.with_fallbacks([llm], exceptions_to_handle=(XinferenceError,))
        assert spare.with_structured_output(schema).invoke("x") == {"name": "Ada"}
        assert spare.bind_tools([schema]).invoke("x").content == "Hello!"


@pytest.mark.parametrize("kind", [ChatXinference, XinferenceLLM, XinferenceRerank])
def test_the_type_hints_of_public_methods_can_be_evaluated(kind):
    """langchain-core does so to find out which methods return a runnable."""
    ours = {
        name: method
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if method.__module__.startswith("xinference_magics") and not name.startswith("_")
    }
    assert ours
    for method in ours.values():
        typing.get_type_hints(method)  # fails if a name exists only for type checkers


async def test_a_rate_limiter_also_holds_back_streams(streaming):
    limiter = InMemoryRateLimiter(requests_per_second=10, check_every_n_seconds=0.01)
    waits = []
    acquire = limiter.acquire
    limiter.acquire = lambda **how: waits.append(how) or acquire(**how)
    llm = model(streaming, rate_limiter=limiter)
    list(llm.stream("x"))
    llm.invoke("x", stream=True)
    assert len(waits) == 2


def test_alternatives_can_be_configured(server):
    llm = model(server).configurable_alternatives(
        ConfigurableField("which"),
        default_key="tiny",
        other=ChatXinference(server.endpoint, "other"),
    )
    llm.invoke("x", {"configurable": {"which": "other"}})
    assert server.bodies[0]["model"] == "other"


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_chain_s_dump_holds_no_secret_and_can_be_loaded():
    llm = ChatXinference("http://server:9997", "tiny", api_key="xf-secret", stop=["a"])
    chain = llm.bind(max_tokens=5)
    assert "xf-secret" not in dumps(chain) + repr(chain) + str(chain)
    loaded = load(
        dumpd(chain),
        allowed_objects=[ChatXinference, type(chain)],
        valid_namespaces=["xinference_magics"],
        secrets_map={"XINFERENCE_API_KEY": "xf-secret"},
    )
    assert loaded.bound == llm
    assert loaded.kwargs == {"max_tokens": 5}


def test_a_bound_model_can_be_pickled_and_copied(server):
    bound = model(server, api_key="xf-key").bind_tools([], parallel_tool_calls=True)
    bound.invoke("x")
    for each in (pickle.loads(pickle.dumps(bound)), copy.deepcopy(bound)):  # noqa: S301
        assert each.invoke("x").content == "Hello!"
    assert [each.headers["Authorization"] for each in server.requests] == ["Bearer xf-key"] * 3


@pytest.mark.parametrize("engine", ["llama.cpp", None])
@pytest.mark.parametrize("include_raw", [False, True])
def test_structured_output_can_be_pickled(engine, include_raw):
    """Ray and Dask send it to other processes."""
    with ScriptedServer() as server:
        server["GET /v1/models/tiny"] = [(200, {"model_engine": "llama.cpp"})]
        server["POST /v1/chat/completions"] = [
            (200, recorded.whole({"content": '{"name": "Ada"}'}))
        ]
        asked = model(server, engine=engine).with_structured_output(Person, include_raw=include_raw)
        found = pickle.loads(pickle.dumps(asked)).invoke("x")  # noqa: S301  # our own
    assert (found["parsed"] if include_raw else found) == Person(name="Ada")
