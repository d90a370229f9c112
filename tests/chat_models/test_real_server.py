"""ChatXinference against a real Xinference, on both of its CPU engines."""

import asyncio

import pytest
from exchanges import FRANCE, PARIS, calls_and_answers, comes_in_pieces, merge
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError, ContextLengthError, ModelNotFoundError


@pytest.fixture(scope="module", params=["llama.cpp", "transformers"])
def llm(request, tiny_chat):
    uid = tiny_chat.gguf if request.param == "llama.cpp" else tiny_chat.pt
    return ChatXinference(tiny_chat.endpoint, uid, engine=request.param, temperature=0)


def test_the_documentation_s_first_call(llm):
    answer = llm.invoke(FRANCE, config={"max_tokens": 1024})
    assert answer.content == PARIS
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_name"] == llm.model_uid


def test_the_documentation_s_messages(llm):
    translate = (
        "You are a helpful assistant that translates English to French. "
        "Translate the user sentence."
    )
    answer = llm.invoke([HumanMessage("I love programming."), SystemMessage(translate)])
    assert answer.content == "J'adore la programmation."


def test_the_documentation_s_chain(llm):
    prompt = PromptTemplate.from_template("Q: where can we visit in the capital of {country}? A:")
    chain = prompt | llm | StrOutputParser()
    assert chain.invoke({"country": "France"}) == PARIS
    assert "".join(chain.stream({"country": "France"})) == PARIS


def test_the_config_limits_the_answer(llm):
    answer = llm.invoke("Count from 1 to 300.", config={"max_tokens": 7})
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.usage_metadata["output_tokens"] == 7
    streamed = merge(llm.stream("Count from 1 to 300.", config={"max_tokens": 7}))
    assert streamed.content == answer.content
    assert streamed.response_metadata["finish_reason"] == "length"
    assert streamed.usage_metadata["output_tokens"] == 7


async def test_all_ways_of_calling_give_the_same_answer(llm):
    ways = [
        llm.invoke(FRANCE),
        merge(llm.stream(FRANCE)),
        await llm.ainvoke(FRANCE),
        merge([chunk async for chunk in llm.astream(FRANCE)]),
        *llm.batch([FRANCE, FRANCE]),
        *await llm.abatch([FRANCE, FRANCE]),
    ]
    assert {each.content for each in ways} == {PARIS}
    assert {each.response_metadata["finish_reason"] for each in ways} == {"stop"}
    assert len({each.usage_metadata["input_tokens"] for each in ways}) == 1


def test_a_stream_arrives_in_pieces_with_one_usage(llm):
    comes_in_pieces(llm)


def test_a_stop_ends_the_answer(llm):
    assert llm.invoke(FRANCE, stop=[","]).content == "In Paris"


def test_tools_are_called_and_answered(llm):
    calls_and_answers(llm)


def test_an_unknown_model(llm):
    misspelt = ChatXinference(llm.server_url, llm.model_uid.replace("tiny", "tyni"))
    with pytest.raises(ModelNotFoundError, match=rf"Did you mean .*{llm.model_uid}"):
        misspelt.invoke("Hello")


def test_a_server_error_500_is_reported_in_one_line(llm):
    with pytest.raises(BadRequestError, match="top_k"):
        llm.invoke("Hello", extra_body={"top_k": "many"})
    assert llm.invoke("Hello").content  # although the server has dropped the connection


@pytest.fixture
def gguf(tiny_chat):
    return ChatXinference(tiny_chat.endpoint, tiny_chat.gguf, temperature=0, max_tokens=20)


def test_a_prompt_that_does_not_fit_is_reported_with_its_reason(gguf):
    too_long = "word " * 40_000
    for ask in (gguf.invoke, lambda prompt: list(gguf.stream(prompt))):
        with pytest.raises(ContextLengthError, match="exceeds the available context size"):
            ask(too_long)


def test_an_image_for_a_model_that_cannot_see(llm):
    image = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    nameless = ChatXinference(llm.server_url, llm.model_uid)
    with pytest.raises(BadRequestError, match="cannot read image input"):
        nameless.invoke([HumanMessage([{"type": "text", "text": "Hello"}, image])])


def test_log_probabilities_of_llama_cpp(gguf):
    ways = [
        gguf.invoke("Hello", logprobs=True, top_logprobs=2),
        merge(gguf.stream("Hello", logprobs=True, top_logprobs=2)),
    ]
    for answer in ways:
        tokens = answer.response_metadata["logprobs"]["content"]
        assert "".join(each["token"] for each in tokens).startswith(answer.content)
        assert {len(each["top_logprobs"]) for each in tokens} == {2}


async def test_leaving_a_stream_leaves_the_server_usable(llm):
    task = asyncio.create_task(anext(llm.astream("Count from 1 to 300.", max_tokens=2000)))
    assert (await task).content
    stream = llm.stream("Count from 1 to 300.", max_tokens=2000)
    next(stream)
    stream.close()
    assert (await llm.ainvoke("Hello")).content == "Hello! How can I help you?"
