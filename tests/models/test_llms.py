"""XinferenceLLM over a real socket, with recorded responses."""

import asyncio
import copy
import pickle

import pytest
import recorded
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, load
from langchain_core.prompts import PromptTemplate
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import XinferenceLLM
from xinference_magics.errors import BadRequestError, ModelNotFoundError, ServerError, StreamError

WHOLE = Reply(body=recorded.whole_text(" a time", timings={"predicted_n": 2}))
STREAMS = [recorded.llama_text(" a", " time"), recorded.transformers_text(" a", " time")]
LOGPROBS = {"content": [{"token": " a", "logprob": -0.5, "top_logprobs": []}]}


class Listener(BaseCallbackHandler):
    """Record what callbacks receive."""

    def __init__(self):
        self.tokens = []
        self.result = None

    def on_llm_new_token(self, token, **_):
        self.tokens.append(token)

    def on_llm_end(self, response, **_):
        self.result = response


@pytest.fixture
def server():
    with ScriptedServer(WHOLE) as server:
        yield server


def model(server, **fields):
    return XinferenceLLM(server.endpoint, "tiny", **fields)


async def test_invoke(server):
    llm = model(server, temperature=0, stop="\n")
    assert llm.invoke("Once upon") == await llm.ainvoke("Once upon") == " a time"
    for request in server.requests:
        assert request.path == "/v1/completions"
        sent = dict(request.body)
        assert sent.pop("request_id")
        assert sent == {"model": "tiny", "prompt": "Once upon", "temperature": 0.0, "stop": "\n"}


async def test_metadata_returned_with_the_text(server):
    llm = model(server)
    for result in (llm.generate(["a", "b"]), await llm.agenerate(["a", "b"])):
        assert [[each.text for each in many] for many in result.generations] == [[" a time"]] * 2
        info = result.generations[0][0].generation_info
        assert info["finish_reason"] == "stop"
        assert info["model_name"] == "tiny"
        assert info["usage_metadata"]["total_tokens"] == 36
        assert result.llm_output == {
            "token_usage": {"input_tokens": 48, "output_tokens": 24, "total_tokens": 72},
            "model_name": "tiny",
        }


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -1, "completion_tokens": -1}])
async def test_unknown_usage_is_not_reported_as_zero(usage):
    unknown = Reply(body={**recorded.whole_text(" a"), "usage": usage})
    with ScriptedServer(unknown) as server:
        llm = model(server)
        for result in (llm.generate(["a"]), await llm.agenerate(["a"])):
            assert result.llm_output == {"model_name": "tiny"}
            assert "usage_metadata" not in result.generations[0][0].generation_info
    with ScriptedServer(WHOLE, unknown) as server:
        assert model(server).generate(["a", "b"]).llm_output == {"model_name": "tiny"}


@pytest.mark.parametrize("chunks", STREAMS)
async def test_streams(chunks):
    with ScriptedServer(Stream(chunks, split=3)) as server:
        heard = [Listener(), Listener()]
        found = list(model(server).stream("Once upon", config={"callbacks": heard[:1]}))
        later = model(server).astream("Once upon", config={"callbacks": heard[1:]})
        assert found == [each async for each in later] == [" a", " time", ""]
        assert server.bodies[0]["stream_options"] == {"include_usage": True}
    for each in heard:
        assert each.tokens == [" a", " time"]
        [[generation]] = each.result.generations
        assert generation.text == " a time"
        assert generation.generation_info["finish_reason"] == "stop"
        assert generation.generation_info["model_name"] == "tiny"
        assert generation.generation_info["usage_metadata"]["total_tokens"] == 36


@pytest.mark.parametrize("name", ["streaming", "stream"])
async def test_invoke_may_stream_for_callbacks(name):
    with ScriptedServer(Stream(STREAMS[0])) as server:
        heard = [Listener(), Listener()]
        llm = model(server, **{name: True})
        assert llm.invoke("Once upon", config={"callbacks": heard[:1]}) == " a time"
        assert await llm.ainvoke("Once upon", config={"callbacks": heard[1:]}) == " a time"
    for each in heard:
        assert each.tokens == [" a", " time"]
        [[generation]] = each.result.generations
        assert generation.generation_info["usage_metadata"]["total_tokens"] == 36
        assert generation.generation_info["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"logprobs": True}, 1),
        ({"logprobs": True, "top_logprobs": 3}, 3),
        ({"logprobs": True, "top_logprobs": 0}, 1),
        ({"logprobs": False}, None),
        ({"top_logprobs": 3}, None),
    ],
)
def test_the_number_of_log_probabilities_is_sent(server, asked, sent):
    model(server, **asked).invoke("x")
    assert server.bodies[0].get("logprobs") == sent
    assert "top_logprobs" not in server.bodies[0]


async def test_log_probabilities_come_back():
    chunks = recorded.llama_text(" a", " time")
    for chunk in chunks[:2]:
        chunk["choices"][0]["logprobs"] = LOGPROBS
    whole = recorded.whole_text(" a")
    whole["choices"][0]["logprobs"] = LOGPROBS
    heard = Listener()
    with ScriptedServer(Stream(chunks), Reply(body=whole)) as server:
        llm = model(server, logprobs=True)
        list(llm.stream("x", config={"callbacks": [heard]}))
        info = llm.generate(["x"]).generations[0][0].generation_info
    assert info["logprobs"] == LOGPROBS
    [[generation]] = heard.result.generations
    assert len(generation.generation_info["logprobs"]["content"]) == 2


CONFIG = {"max_tokens": 1024}


async def test_the_config_limits_the_text(server):
    llm = model(server)
    llm.invoke("x", config=CONFIG)
    llm.with_config(CONFIG).invoke("x")
    llm.batch(["x", "y"], config=CONFIG)
    llm.bind(temperature=0).invoke("x", config=CONFIG)
    (PromptTemplate.from_template("{x}") | llm).invoke({"x": "x"}, config=CONFIG)
    await llm.ainvoke("x", config=CONFIG)
    await llm.abatch(["x", "y"], config=CONFIG)
    assert [body["max_tokens"] for body in server.bodies] == [1024] * 9


async def test_each_input_of_a_batch_has_its_own_config(server):
    configs = [{"max_tokens": 1}, {"max_tokens": 2}]
    model(server).batch(["1", "2"], config=configs)
    await model(server).abatch(["1", "2"], config=configs)
    assert sorted(body["max_tokens"] for body in server.bodies) == [1, 1, 2, 2]
    assert all(str(body["max_tokens"]) == body["prompt"] for body in server.bodies)


async def test_the_config_limits_streams():
    with ScriptedServer(Stream(STREAMS[0])) as server:
        list(model(server).stream("x", config=CONFIG))
        [each async for each in model(server).astream("x", config=CONFIG)]
        [each async for each in model(server).astream_events("x", config=CONFIG)]
        assert [body["max_tokens"] for body in server.bodies] == [1024] * 3


def test_parameters_of_chat_models_are_rejected(server):
    with pytest.raises(BadRequestError, match="no parameter 'tools'"):
        model(server).invoke("x", tools=[])
    with pytest.raises(BadRequestError, match="Did you mean max_tokens"):
        model(server).bind(max_token=5)
    assert server.requests == []


def test_parameters_that_the_engine_ignores_cause_a_warning(server):
    with pytest.warns(UserWarning, match="The transformers engine ignores seed"):
        model(server, engine="Transformers", seed=1).invoke("x")


async def test_errors_are_those_of_the_chat_model():
    unknown = Reply(404, {"detail": "Model not found in the model list, uid: tiny"})
    with ScriptedServer(unknown) as server:
        llm = model(server)
        for ask in (llm.ainvoke("x"), llm.agenerate(["x", "y"]), anext(llm.astream("x"))):
            with pytest.raises(ModelNotFoundError):
                await ask
        with pytest.raises(ModelNotFoundError):
            llm.invoke("x")
    empty = pytest.raises(ServerError, match="tiny sent an answer without a text")
    with ScriptedServer(Reply(body={"choices": []})) as server, empty:
        model(server).invoke("x")


async def test_one_text_that_fails_ends_the_others():
    failed, late = Reply(404, {"detail": "Not Found"}), Reply(body=WHOLE.body, delay=1)
    with ScriptedServer(failed, late) as server:
        with pytest.raises(ServerError):
            await model(server).agenerate(["a", "b"])
        aborted = await asyncio.to_thread(server.aborted.get, timeout=60)
        assert aborted == server.bodies[1]["request_id"]


async def test_a_stream_that_is_cut_off():
    with ScriptedServer(Stream(STREAMS[0][:2], done=False)) as server:
        with pytest.raises(StreamError, match="was cut off before its end"):
            list(model(server).stream("x"))
        with pytest.raises(StreamError, match="was cut off before its end"):
            [each async for each in model(server).astream("x")]


async def test_abandoning_a_stream_aborts_it_on_the_server():
    with ScriptedServer(Stream(STREAMS[0][:2], end="never")) as server:
        for _ in model(server).stream("x"):
            break
        assert server.aborted.get(timeout=60) == server.bodies[0]["request_id"]
        stream = model(server).astream("x")
        await anext(stream)
        await stream.aclose()
        aborted = await asyncio.to_thread(server.aborted.get, timeout=60)
        assert aborted == server.bodies[1]["request_id"]


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_dump_can_be_loaded_if_the_class_is_allowed():
    llm = XinferenceLLM("http://server:9997", "tiny", "xf-secret", temperature=0)
    dumped = dumpd(llm)
    assert dumped["id"] == ["xinference_magics", "llms", "XinferenceLLM"]
    assert "xf-secret" not in str(dumped)
    loaded = load(
        dumped,
        allowed_objects=[XinferenceLLM],
        valid_namespaces=["xinference_magics"],
        secrets_map={"XINFERENCE_API_KEY": "xf-secret"},
    )
    assert loaded == llm


CALLS = (
    {},
    {"max_tokens": 5},
    {"max_tokens": 6},
    {"model": "other"},
    {"extra_body": {"a": 1}},
    {"stop": ["."]},
    {"config": {"seed": 1}},
)


async def test_each_call_has_its_own_cache_key(server):
    llm = model(server, cache=InMemoryCache())
    for _ in range(2):
        for call in CALLS:
            llm.invoke("x", **call)
            await llm.ainvoke("x", **call)
            await llm.bind(**{k: v for k, v in call.items() if k != "config"}).ainvoke(
                "x", call.get("config")
            )
        llm.batch(["x"], max_tokens=7)
    assert len(server.requests) == len(CALLS) + 1


def test_each_model_has_its_own_cache_key(server):
    llm = model(server, cache=InMemoryCache())
    llm.invoke("x")
    llm.model_copy(update={"temperature": 0.5}).invoke("x")
    llm.model_copy(update={"model_uid": "other"}).invoke("x")
    llm.seed = 1
    llm.invoke("x")
    llm.extra_body["a"] = 1
    llm.invoke("x")
    assert len(server.requests) == 5
    llm.stop = ["."]
    llm.invoke("x")
    assert len(server.requests) == 6
    llm.model_copy().invoke("x")
    assert len(server.requests) == 6


def test_parameters_of_a_call_are_not_stored(server):
    llm = model(server)
    before = llm._identifying_params
    llm.invoke("x", max_tokens=5)
    assert llm._identifying_params == before
    assert "max_tokens" not in str(llm)


def test_a_cache_is_used(server):
    llm = model(server, cache=InMemoryCache())
    assert llm.invoke("x") == llm.invoke("x") == " a time"
    llm.model_copy(update={"temperature": 1}).invoke("x")
    assert len(server.bodies) == 2


def test_identity():
    llm = XinferenceLLM(model="tiny", temperature=0, stop="a", api_key="xf-secret")
    assert llm._llm_type == "xinference"
    params = llm._get_ls_params()
    assert params["ls_provider"] == "xinference"
    assert params["ls_model_name"] == "tiny"
    assert params["ls_model_type"] == "llm"
    assert params["ls_stop"] == ["a"]
    assert "xf-secret" not in f"{llm!r}{llm}{llm.asdict()}"
    for other in (pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm)):  # noqa: S301  # our own
        assert other == llm


def test_tokens_are_counted_without_a_download():
    llm = XinferenceLLM(model="tiny")
    assert 4 <= llm.get_num_tokens("Where can we visit?") <= 6
    exact = XinferenceLLM(model="tiny", custom_get_token_ids=lambda text: [ord(c) for c in text])
    assert exact.get_num_tokens("four") == 4
