"""What models answer on older servers, as LangChain objects."""

import asyncio

import pytest
from exchanges import FRANCE, PARIS, calls_and_answers, comes_in_pieces, merge
from langchain_core.documents import Document
from pydantic import BaseModel

from xinference_magics import XinferenceEmbeddings, XinferenceLLM, XinferenceRerank
from xinference_magics.chat_models import ChatXinference
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import BadRequestError, ModelNotFoundError

COUNT = "Count from 1 to 300."


async def test_answers(llm):
    """`llm.invoke`, `stream`, `ainvoke`, `astream`: the same answer."""
    ways = [
        llm.invoke(FRANCE),
        merge(llm.stream(FRANCE)),
        await llm.ainvoke(FRANCE),
        merge([chunk async for chunk in llm.astream(FRANCE)]),
    ]
    assert {each.content for each in ways} == {PARIS}
    assert {each.response_metadata["finish_reason"] for each in ways} == {"stop"}


def test_batches(llm, flawed):
    """`llm.batch`: several questions at once."""
    with flawed("4.0", "transformers", "the server fails, or answers wrongly, now and then"):
        assert [each.content for each in llm.batch([FRANCE] * 3)] == [PARIS] * 3


def test_usage(llm, flawed):
    """Token usage, the same whole and streamed, but for the end's own token."""
    for limit in (7, 200):
        whole = llm.invoke(FRANCE, max_tokens=limit).usage_metadata
        streamed = merge(llm.stream(FRANCE, max_tokens=limit)).usage_metadata
        assert whole["output_tokens"] <= limit
        assert whole["input_tokens"] == streamed["input_tokens"]
        with flawed("3.0", "transformers", "the server counts more tokens in a stream"):
            assert abs(whole["output_tokens"] - streamed["output_tokens"]) <= 1


def test_streaming(llm):
    """A stream comes in pieces, and its usage once."""
    comes_in_pieces(llm)


def test_stops_and_limits(llm):
    """`stop`, `max_tokens`."""
    assert llm.invoke(FRANCE, stop=[","]).content == "In Paris"
    for cut in (llm.invoke(COUNT, max_tokens=7), merge(llm.stream(COUNT, max_tokens=7))):
        assert cut.response_metadata["finish_reason"] == "length"


def test_tools(llm, flawed):
    """Tools (`bind_tools`): whole, streamed, and with the result sent back."""
    with flawed("2.0", "llama.cpp", "the server answers 500 where llama.cpp is offered tools"):
        calls_and_answers(llm)


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def test_structured_output(llm):
    """`with_structured_output`."""
    asked = llm.with_structured_output(Person)
    assert asked.invoke("Extract the person: Alice is 30 years old.") == Person(
        name="Alice", age=30
    )


def test_thinking(server, running, engine):
    """Thinking, streamed, apart from the answer."""
    uid = running("tiny-think", engine)
    llm = ChatXinference(server.endpoint, uid, engine=engine, temperature=0)
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    answer = merge(llm.stream("What is 12 * 12?", extra_body=thinking))
    assert answer.content == "12 * 12 = 144."
    assert "12 * 10 = 120" in answer.additional_kwargs["reasoning_content"]


def test_log_probabilities(server, running):
    """`logprobs` (llama.cpp)."""
    uid = running("tiny-chat", "llama.cpp")
    llm = ChatXinference(server.endpoint, uid, engine="llama.cpp", temperature=0)
    for answer in (
        llm.invoke(FRANCE, logprobs=True, top_logprobs=2, max_tokens=3),
        merge(llm.stream(FRANCE, logprobs=True, top_logprobs=2, max_tokens=3)),
    ):
        tokens = answer.response_metadata["logprobs"]["content"]
        assert [each["token"] for each in tokens] == ["In", " Paris", ","]
        assert len(tokens[0]["top_logprobs"]) == 2


async def test_leaving(llm, flawed):
    """Leaving a stream early; the model keeps answering."""
    task = asyncio.create_task(anext(llm.astream(COUNT, max_tokens=400)))
    assert (await task).content
    with flawed("4.0", "transformers", "the server fails, or answers wrongly, right after it"):
        stream = llm.stream(COUNT, max_tokens=400)
        next(stream)
        stream.close()
        assert (await llm.ainvoke("Hello")).content == "Hello! How can I help you?"


def test_wrong_requests(llm):
    """A wrong UID or parameter is reported in one line."""
    misspelt = ChatXinference(llm.server_url, llm.model_uid.replace("tiny", "tyni"))
    with pytest.raises(ModelNotFoundError, match=f"tyni.* is running at {llm.server_url}"):
        misspelt.invoke("Hello")
    with pytest.raises(BadRequestError, match="top_k"):
        llm.invoke("Hello", extra_body={"top_k": "many"})
    assert llm.invoke("Hello").content


async def test_text_completion(server, running, engine):
    """`XinferenceLLM`: whole and streamed."""
    uid = running("tiny-text", engine)
    llm = XinferenceLLM(server.endpoint, uid, engine=engine, temperature=0, max_tokens=60)
    whole = llm.invoke(FRANCE)
    assert PARIS in whole
    assert "".join(llm.stream(FRANCE)) == whole
    assert await llm.ainvoke(FRANCE) == whole


@pytest.fixture(scope="session")
def encoder(cluster, tiny_encoders_registered):
    """Launch the tiny embedding or rerank model, and return its UID."""

    def launch(model_type):
        request = LaunchRequest(
            model_name=tiny_encoders_registered[model_type],
            model_type=model_type,
            enable_virtual_env=False,
        )
        return cluster.launch(request).wait().uid

    return launch


async def test_embeddings(server, encoder):
    """`XinferenceEmbeddings`, launched without naming an engine."""
    model = XinferenceEmbeddings(server.endpoint, encoder("embedding"))
    one, other = model.embed_documents(["start a model", "which port"])
    assert len(one) == len(other) == 64
    assert await model.aembed_query("which port") == pytest.approx(other, abs=1e-3)


async def test_rerank(server, encoder):
    """`XinferenceRerank`, launched without naming an engine."""
    model = XinferenceRerank(server.endpoint, encoder("rerank"), top_n=2)
    texts = ("Bread is baked.", "The model runs.", "The port of the server")
    documents = [Document(text) for text in texts]
    found = await model.acompress_documents(documents, "Which port does the server use?")
    assert found[0].page_content == texts[2]
    assert len(found) == 2
