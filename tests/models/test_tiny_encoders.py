"""The tiny encoders do what the examples rely on: they find the right document."""

import json
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore

from xinference_magics import XinferenceEmbeddings, XinferenceRerank

DIALOGUES = Path(__file__).parents[2] / "examples" / "tiny_chat" / "dialogues"
RETRIEVAL = json.loads((DIALOGUES / "retrieval.json").read_text(encoding="utf-8"))
DOCUMENTS = [Document(each["text"], id=each["id"]) for each in RETRIEVAL["documents"]]


@pytest.fixture(scope="module")
def store(server, tiny_encoders):
    made = InMemoryVectorStore(XinferenceEmbeddings(server.endpoint, tiny_encoders["embedding"]))
    made.add_documents(DOCUMENTS)
    return made


@pytest.mark.parametrize("asked", RETRIEVAL["questions"], ids=lambda asked: asked["question"])
def test_the_right_document_is_first(asked, store, server, tiny_encoders):
    [found] = store.similarity_search(asked["question"], k=1)
    assert found.id == asked["document"]
    reranker = XinferenceRerank(server.endpoint, tiny_encoders["rerank"], top_n=1)
    [best] = reranker.compress_documents(DOCUMENTS, asked["question"])
    assert best.id == asked["document"]


def test_a_score_is_the_share_of_the_question_that_is_found(server, tiny_encoders):
    reranker = XinferenceRerank(server.endpoint, tiny_encoders["rerank"])
    documents = [Document("model server port"), Document("model server"), Document("bread")]
    found = reranker.compress_documents(documents, "model server port")
    assert [each.page_content for each in found] == [each.page_content for each in documents]
    all_of_it, most_of_it, nothing = (each.metadata["relevance_score"] for each in found)
    assert nothing < 0.05
    assert 0.8 < most_of_it < 0.95 < all_of_it
