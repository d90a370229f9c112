"""XinferenceRerank over a real socket, with recorded responses."""

import copy
import json
import math
import sys
import threading

import pytest
import recorded
from langchain_core.documents import Document
from pydantic import ValidationError
from scripted_server import Reply, ScriptedServer

from xinference_magics import XinferenceRerank
from xinference_magics.errors import ModelNotFoundError, ServerError

DOCUMENTS = [
    Document("zero", id="0", metadata={"source": ["a"]}),
    Document("one", id="1", metadata={"relevance_score": -1}),
    Document("two", id="2"),
]
ORDER = recorded.scores((2, 0.9), (0, 0.5), (1, 0.1))


def model(server, **fields):
    return XinferenceRerank(server.endpoint, "tiny", **fields)


async def both(server, documents=DOCUMENTS, **fields):
    """Rank synchronously, then asynchronously."""
    reranker = model(server, **fields)
    return [
        reranker.compress_documents(documents, "which?"),
        await reranker.acompress_documents(documents, "which?"),
    ]


async def test_documents_come_back_by_score():
    with ScriptedServer(Reply(body=ORDER)) as server:
        for found in await both(server):
            assert [each.page_content for each in found] == ["two", "zero", "one"]
            assert [each.metadata["relevance_score"] for each in found] == [0.9, 0.5, 0.1]
            assert [each.id for each in found] == ["2", "0", "1"]
            assert found[1].metadata["source"] == ["a"]


async def test_the_originals_are_unchanged():
    before = copy.deepcopy(DOCUMENTS)
    with ScriptedServer(Reply(body=ORDER)) as server:
        for found in await both(server):
            found[1].metadata["source"].append("b")
    assert before == DOCUMENTS


async def test_what_cannot_be_copied_is_shared():
    lock = threading.Lock()
    documents = [
        Document("zero", metadata={"lock": lock, "source": ["a"]}),
        Document("one", metadata={"within": {"file": sys.stdin, "lock": lock}}),
    ]
    with ScriptedServer(Reply(body=recorded.scores((0, 0.9), (1, 0.5)))) as server:
        for zero, one in await both(server, documents):
            assert zero.metadata == {"lock": lock, "source": ["a"], "relevance_score": 0.9}
            assert zero.metadata["source"] is not documents[0].metadata["source"]
            assert one.metadata["within"]["lock"] is lock
    assert "relevance_score" not in documents[0].metadata


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (math.nan, "a score of NaN or infinity"),
        (math.inf, "a score of NaN or infinity"),
        (None, "in an unknown format"),
        ("0.5", "in an unknown format"),
    ],
)
async def test_a_score_is_a_number(score, said):
    with ScriptedServer(Reply(body=recorded.scores((0, 0.5), (1, score)))) as server:
        with pytest.raises(ServerError, match=said):
            model(server).compress_documents(DOCUMENTS, "which?")
        with pytest.raises(ServerError, match=said):
            await model(server).acompress_documents(DOCUMENTS, "which?")


async def test_what_is_sent():
    with ScriptedServer(Reply(body=ORDER)) as server:
        await both(server, top_n=2, extra_body={"instruction": "find"})
    for request in server.requests:
        assert request.path == "/v1/rerank"
        sent = dict(request.body)
        assert json.loads(sent.pop("kwargs")) == {"instruction": "find"}
        assert {name: value for name, value in sent.items() if value is not None} == {
            "model": "tiny",
            "query": "which?",
            "documents": ["zero", "one", "two"],
            "top_n": 2,
            "return_documents": False,
            "instruction": "find",
        }


async def test_an_unsorted_ranking_is_sorted():
    with ScriptedServer(Reply(body=recorded.scores((0, 0.1), (1, 0.7)))) as server:
        for found in await both(server):
            assert [each.page_content for each in found] == ["one", "zero"]


async def test_no_documents_need_no_request():
    with ScriptedServer(Reply(body=ORDER)) as server:
        assert await both(server, []) == [[], []]
    assert server.requests == []


def test_documents_that_were_not_sent_cannot_be_ranked():
    too_many = pytest.raises(ServerError, match="ranks more than the 3 documents")
    with ScriptedServer(Reply(body=recorded.scores((7, 1)))) as server, too_many:
        model(server).compress_documents(DOCUMENTS, "which?")


async def test_a_ranking_names_its_documents():
    unnamed = recorded.scores((None, 1))
    with ScriptedServer(Reply(body=unnamed)) as server:
        with pytest.raises(ServerError, match="does not say which documents"):
            model(server).compress_documents(DOCUMENTS, "which?")
        with pytest.raises(ServerError, match="does not say which documents"):
            await model(server).acompress_documents(DOCUMENTS, "which?")


async def test_errors_are_those_of_the_chat_model():
    unknown = Reply(404, {"detail": "Model not found in the model list, uid: tiny"})
    with ScriptedServer(unknown) as server:
        with pytest.raises(ModelNotFoundError):
            model(server).compress_documents(DOCUMENTS, "which?")
        with pytest.raises(ModelNotFoundError):
            await model(server).acompress_documents(DOCUMENTS, "which?")


@pytest.mark.parametrize("answer", [{"a": 1}, {"results": None}, {"results": []}])
async def test_an_answer_without_a_ranking_is_an_error(answer):
    with ScriptedServer(Reply(body=answer)) as server:
        with pytest.raises(ServerError, match="ranks nothing"):
            model(server).compress_documents(DOCUMENTS, "which?")
        with pytest.raises(ServerError, match="ranks nothing"):
            await model(server).acompress_documents(DOCUMENTS, "which?")


def test_at_least_one_document_is_kept():
    with pytest.raises(ValidationError, match="top_n"):
        XinferenceRerank(model="tiny", top_n=0)
