"""Embeddings, reranking and text completion against a real Xinference."""

import math
from operator import mul

import pytest
from langchain_core.documents import Document
from langchain_tests.integration_tests import EmbeddingsIntegrationTests

from xinference_magics import XinferenceEmbeddings, XinferenceLLM, XinferenceRerank
from xinference_magics.errors import ModelNotFoundError


class TestEmbeddings(EmbeddingsIntegrationTests):
    @pytest.fixture(autouse=True)
    def find_server(self, server, tiny_encoders):
        self.params = {"base_url": server.endpoint, "model": tiny_encoders["embedding"]}

    @property
    def embeddings_class(self):
        return XinferenceEmbeddings

    @property
    def embedding_model_params(self):
        return self.params

    async def test_order_and_batches(self, model):
        texts = ["start a model", "which port", "starts the models"]
        start, port, starts = model.embed_documents(texts)
        assert cosine(start, starts) > 0.9
        assert abs(cosine(start, port)) < 0.5
        assert len(start) == 64
        in_batches = model.model_copy(update={"batch_size": 1})
        for found in (in_batches.embed_documents(texts), await model.aembed_documents(texts)):
            assert found[1] == pytest.approx(port, abs=1e-4)


def cosine(one, other):
    return sum(map(mul, one, other)) / math.hypot(*one) / math.hypot(*other)


async def test_rerank(server, tiny_encoders):
    reranker = XinferenceRerank(server.endpoint, tiny_encoders["rerank"])
    texts = ("Bread is baked.", "The model runs.", "The port of the server")
    documents = [Document(text, metadata={"n": n}) for n, text in enumerate(texts)]
    question = "Which port does the server use?"
    found = reranker.compress_documents(documents, question)
    scores = [each.metadata["relevance_score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    assert found[0].page_content == texts[2]
    assert all(each.page_content == texts[each.metadata["n"]] for each in found)
    assert len(found) == 3
    best = reranker.model_copy(update={"top_n": 1})
    assert await best.acompress_documents(documents, question) == found[:1]


@pytest.fixture(scope="module")
def text_pt(cluster, tiny_registered, tiny_request):
    """The UID of a text model: on transformers, a chat model cannot complete bare text."""
    request = tiny_request("text-pt", "pytorch", model_name="tiny-text")
    yield cluster.launch(request).wait().uid
    cluster.terminate("text-pt")


@pytest.fixture(params=["llama.cpp", "transformers"])
def llm(request, tiny_chat, text_pt):
    uid = tiny_chat.gguf if request.param == "llama.cpp" else text_pt
    return XinferenceLLM(
        tiny_chat.endpoint, uid, engine=request.param, temperature=0, max_tokens=300
    )


CHAT = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
GREETING = "Hello! How can I help you?"


async def test_a_text_is_completed(llm):
    assert llm.invoke(CHAT) == GREETING
    assert "".join(llm.stream(CHAT)) == GREETING
    assert await llm.ainvoke(CHAT) == GREETING
    assert "".join([each async for each in llm.astream(CHAT)]) == GREETING
    assert llm.batch([CHAT, CHAT]) == [GREETING] * 2


def test_the_length_of_a_text_is_limited(llm):
    result = llm.generate([CHAT], max_tokens=3)
    info = result.generations[0][0].generation_info
    assert info["finish_reason"] == "length"
    assert info["usage_metadata"]["output_tokens"] == 3
    assert llm.invoke(CHAT, stop=["!"]) == "Hello"


def test_log_probabilities_of_llama_cpp(tiny_chat):
    llm = XinferenceLLM(tiny_chat.endpoint, tiny_chat.gguf, temperature=0, max_tokens=3)
    result = llm.generate([CHAT], logprobs=True, top_logprobs=2)
    tokens = result.generations[0][0].generation_info["logprobs"]["content"]
    assert [len(each["top_logprobs"]) for each in tokens] == [2, 2, 2]


def test_an_unknown_model(server):
    with pytest.raises(ModelNotFoundError):
        XinferenceEmbeddings(server.endpoint, "nothing").embed_query("a")
