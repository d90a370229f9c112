"""XinferenceEmbeddings over a real socket, with recorded responses."""

import base64
import copy
import math
import pickle
import struct

import pytest
import recorded
from langchain_tests.unit_tests import EmbeddingsUnitTests
from scripted_server import Reply, ScriptedServer

from xinference_magics import XinferenceEmbeddings
from xinference_magics.errors import BadRequestError, ModelNotFoundError, ServerError


def packed(*numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def answering(*values):
    return Reply(body=recorded.vectors(*values))


def model(server, **fields):
    return XinferenceEmbeddings(server.endpoint, "tiny", **fields)


async def both(server, texts, **fields):
    """Embed synchronously, then asynchronously."""
    embeddings = model(server, **fields)
    return [embeddings.embed_documents(texts), await embeddings.aembed_documents(texts)]


async def test_what_is_sent_and_decoded():
    with ScriptedServer(answering(packed(0.5, -1.25), packed(2, 3))) as server:
        found = await both(server, ["one", "two"])
    assert found == [[[0.5, -1.25], [2, 3]]] * 2
    for request in server.requests:
        assert request.path == "/v1/embeddings"
        assert request.body == {
            "model": "tiny",
            "input": ["one", "two"],
            "encoding_format": "base64",
        }


async def test_a_query_is_one_text():
    with ScriptedServer(answering(packed(0.5))) as server:
        assert model(server).embed_query("one") == [0.5]
        assert await model(server).aembed_query("one") == [0.5]
    assert server.requests[0].body["input"] == ["one"]


async def test_texts_go_in_batches_and_come_back_in_order():
    first, last = answering(packed(0), packed(1)), answering(packed(2))
    with ScriptedServer(first, last, first, last) as server:
        found = await both(server, ["a", "b", "c"], batch_size=2)
    assert found == [[[0], [1], [2]]] * 2
    assert [each.body["input"] for each in server.requests] == [["a", "b"], ["c"]] * 2


def test_the_index_decides_the_order():
    answer = recorded.vectors(packed(0), packed(1))
    answer["data"].reverse()
    with ScriptedServer(Reply(body=answer)) as server:
        assert model(server).embed_documents(["a", "b"]) == [[0], [1]]


def test_without_an_index_the_vectors_are_in_the_order_of_the_texts():
    answer = recorded.vectors(packed(0), packed(1))
    for each in answer["data"]:
        del each["index"]
    with ScriptedServer(Reply(body=answer)) as server:
        assert model(server).embed_documents(["a", "b"]) == [[0], [1]]
        with pytest.raises(ServerError, match=r"tiny sent 2 vectors for 3 texts\."):
            model(server).embed_documents(["a", "b", "c"])


def test_a_server_without_base64_support():
    with ScriptedServer(answering([1, 0.5])) as server:
        assert model(server).embed_query("a") == [1.0, 0.5]


async def test_no_texts_need_no_request():
    with ScriptedServer(answering()) as server:
        assert await both(server, []) == [[], []]
    assert server.requests == []


async def test_a_vector_for_each_text_or_an_error():
    few = pytest.raises(ServerError, match=r"tiny sent 1 vector for 2 texts\.")
    with ScriptedServer(answering(packed(0))) as server, few:
        await both(server, ["a", "b"])


TORN = base64.b64encode(struct.pack("<f", 1)[:3]).decode()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([TORN], "a vector that is not base64 of 32-bit numbers. extra_body="),
        (["no base64!"], "a vector that is not base64 of 32-bit numbers. extra_body="),
        (["ab\n"], "a vector that is not base64"),
        ([{"12": 0.5}], "sparse weights instead of vectors. Leave return_sparse out"),
        ([{}], "sparse weights instead of vectors"),
        ([[{"index": 12, "weight": 0.5}]], "sparse weights instead of vectors"),
        ([[1, 10**400]], "a vector with a number that is too large. If every text"),
        ([packed(1, math.nan)], "a vector with NaN or infinity in it. If every text"),
        ([packed(math.inf)], "a vector with NaN or infinity in it"),
        ([[1, math.nan]], "a vector with NaN or infinity in it"),
        ([[1, None]], "a vector that is not numeric. Is it an embedding model?"),
        ([["1"]], "a vector that is not numeric"),
        ([[[1.0]]], "a vector that is not numeric"),
        ([5], "a vector that is not numeric"),
        ([[]], "an empty vector"),
        ([""], "an empty vector"),
        ([packed(1), packed(1, 2)], "vectors of 1 and of 2 numbers"),
    ],
)
async def test_invalid_vectors_are_rejected(values, said):
    texts = ["a", "b"][: len(values)]
    with ScriptedServer(answering(*values)) as server:
        with pytest.raises(ServerError) as caught:
            model(server).embed_documents(texts)
        with pytest.raises(ServerError) as caught_async:
            await model(server).aembed_documents(texts)
    assert str(caught.value) == str(caught_async.value)
    assert str(caught.value).startswith(f"tiny sent {said}")
    assert "\n" not in str(caught.value)


async def test_errors_are_those_of_the_chat_model():
    unknown = Reply(404, {"detail": "Model not found in the model list, uid: tiny"})
    with ScriptedServer(unknown) as server:
        with pytest.raises(ModelNotFoundError) as caught:
            model(server).embed_query("a")
        with pytest.raises(ModelNotFoundError) as caught_async:
            await model(server).aembed_query("a")
    assert caught.value.status == caught_async.value.status == 404


async def test_a_model_of_another_kind():
    reply = Reply(500, {"detail": "'Model' object has no attribute 'model_spec'"})
    with ScriptedServer(reply) as server:
        with pytest.raises(ServerError, match=r"Is tiny an embedding model\?"):
            model(server).embed_query("a")
        with pytest.raises(ServerError, match=r"Is tiny an embedding model\?"):
            await model(server).aembed_query("a")


def test_a_loading_model_is_retried_if_requested(monkeypatch):
    monkeypatch.setattr("xinference_magics.transport.inference._MAX_WAIT_SECONDS", 0.01)
    loading = Reply(503, {"detail": "Model is loading, please retry later"})
    with ScriptedServer(loading, answering(packed(1))) as server:
        assert model(server, max_retries=1).embed_query("a") == [1]


def test_other_parameters_are_passed_on_and_misspelled_ones_rejected():
    with ScriptedServer(answering(packed(1))) as server:
        model(server, extra_body={"prompt_name": "query"}, api_key="xf-secret").embed_query("a")
    assert server.requests[0].body["prompt_name"] == "query"
    assert server.requests[0].headers["Authorization"] == "Bearer xf-secret"
    with pytest.raises(BadRequestError, match="Did you mean batch_size"):
        XinferenceEmbeddings(model="tiny", batchsize=5)


def test_it_can_be_pickled_and_copied():
    with ScriptedServer(answering(packed(1))) as server:
        embeddings = model(server, api_key="xf-secret", batch_size=7)
        embeddings.embed_query("a")
        for other in (pickle.loads(pickle.dumps(embeddings)), copy.deepcopy(embeddings)):  # noqa: S301  # our own
            assert other.model_dump() == embeddings.model_dump()
            assert other.embed_query("a") == [1]
        other = embeddings.model_copy(update={"batch_size": 1}, deep=True)
        assert (other.batch_size, other.embed_query("a")) == (1, [1])
    assert "xf-secret" not in repr(embeddings)


class TestStandard(EmbeddingsUnitTests):
    @property
    def embeddings_class(self):
        return XinferenceEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": "tiny", "base_url": "http://127.0.0.1:9"}

    @property
    def init_from_env_params(self):
        return (
            {"XINFERENCE_ENDPOINT": "http://server:9997", "XINFERENCE_API_KEY": "xf-secret"},
            {"model": "tiny"},
            {"server_url": "http://server:9997", "api_key": "xf-secret"},
        )
