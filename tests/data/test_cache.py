"""The answer store as the cache of a LangChain model."""

from rows_server import RowsServer

from xinference_magics import AnswerCache


def test_a_model_keeps_its_answers_in_the_store(store, model):
    with RowsServer() as server:
        llm = model(server, cache=AnswerCache(store), temperature=0)
        first = llm.invoke("Say 1.")
        again = llm.invoke("Say 1.")
        assert first.content == again.content == "Say 1."
        assert llm.bind(temperature=1).invoke("Say 1.").content == "Say 1."
        assert server.asked == ["Say 1."] * 2
        assert [each.prompt[:2] for each in store.search("Say 1")] == ["[{"] * 2
        llm.cache.clear()
        assert store.count() == 0
