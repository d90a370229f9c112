"""`%xinference launch` and `use` provide an object for every kind of model."""


def test_an_embedding_model(kernel, tiny_encoders):
    reply = kernel.run(f"%xinference use {tiny_encoders['embedding']}")
    assert "Ready: embeddings is a XinferenceEmbeddings for tiny-embedding." in reply.stdout
    assert kernel.value("len(embeddings.embed_query('a'))") == "64"


def test_a_rerank_model(kernel, tiny_encoders):
    reply = kernel.run(f"%xinference use {tiny_encoders['rerank']}")
    assert "Ready: reranker is a XinferenceRerank for tiny-rerank." in reply.stdout
    kernel.run("from langchain_core.documents import Document")
    assert kernel.value("len(reranker.compress_documents([Document('a')], 'b'))") == "1"


def test_launch(kernel, cluster, tiny_registered):
    launch = "%xinference launch -n tiny-text -u text -f ggufv2 --n_threads 1 --disable-virtual-env"
    reply = kernel.run(launch)
    try:
        said = reply.displays[0]["text/plain"]
        assert "Ready: llm is a XinferenceLLM for text; %%generate uses it." in said
        assert " - llm and %%generate use it" in said
        assert kernel.value("llm.invoke('Once upon', max_tokens=2) != ''") == "True"
    finally:
        cluster.terminate("text")


def test_an_embedding_model_is_not_asked_to_chat(kernel, tiny_encoders):
    uid = tiny_encoders["embedding"]
    reply = kernel.run(f"%%chat -m {uid}\nhi")
    assert reply.status == "error"
    assert f"NotebookError: {uid} is of type embedding" in reply.stdout
