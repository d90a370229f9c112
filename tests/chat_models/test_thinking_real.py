"""Reasoning and answers on a real Xinference, however llama.cpp was launched."""

import pytest

from xinference_magics.chat_models import ChatXinference

QUESTION = "What is 17 * 23?"
THOUGHT = "17 * 20 = 340 and 17 * 3 = 51. Together that is 391."
ANSWER = "17 * 23 = 391."


@pytest.fixture(scope="module", params=[False, True], ids=["as it is", "with a reasoning parser"])
def llm(request, cluster, tiny_registered, tiny_request):
    """A reasoning model, launched with and without Xinference's reasoning parser."""
    options = {"reasoning_content": True} if request.param else {}
    uid = f"thinking-{request.param}"
    wanted = tiny_request(uid, "ggufv2", model_name="tiny-think", n_threads=1, **options)
    cluster.launch(wanted).wait()
    yield ChatXinference(cluster.endpoint, uid, engine="llama.cpp", temperature=0, max_tokens=200)
    cluster.terminate(uid)


def merge(chunks):
    first, *others = chunks
    return first + others


async def test_thinking_is_chosen_per_call(llm):
    for thinks, thought in ((True, {"reasoning_content": THOUGHT}), (False, {})):
        ways = [
            llm.invoke(QUESTION, enable_thinking=thinks),
            await llm.ainvoke(QUESTION, enable_thinking=thinks),
            merge(llm.stream(QUESTION, enable_thinking=thinks)),
            merge([chunk async for chunk in llm.astream(QUESTION, enable_thinking=thinks)]),
        ]
        assert [each.content for each in ways] == [ANSWER] * 4
        assert [each.additional_kwargs for each in ways] == [thought] * 4
