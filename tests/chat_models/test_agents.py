"""LangChain's agents and their middleware, over a real socket."""

import json

import pytest
import recorded
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware, SummarizationMiddleware
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.messages import AIMessage, HumanMessage
from scripted_server import Reply, ScriptedServer

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    ModelNotFoundError,
    PermissionDeniedError,
)

HELLO = Reply(body=recorded.whole({"content": "Hello!"}))
ASKED = {"messages": [{"role": "user", "content": "Hi"}]}
TOO_LONG = Reply(400, {"detail": "This model's maximum context length is 4096 tokens."})


def model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


def asking(server, *middleware, **options):
    return create_agent(model(server), middleware=middleware, **options)


async def both(agent):
    """Ask synchronously, then asynchronously."""
    return [agent.invoke(ASKED), await agent.ainvoke(ASKED)]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Reply(401, {"detail": "Could not validate credentials"}), AuthenticationError),
        (Reply(403, {"detail": "Not enough permissions"}), PermissionDeniedError),
        (Reply(404, {"detail": "Model not found in the model list, uid: x"}), ModelNotFoundError),
        (Reply(400, {"detail": "Invalid value"}), BadRequestError),
        (TOO_LONG, ContextLengthError),
    ],
)
async def test_what_stays_refused_is_asked_once(refusal, error):
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, on_failure="error")
    with ScriptedServer(refusal) as server:
        with pytest.raises(error):
            asking(server, retry).invoke(ASKED)
        with pytest.raises(error):
            await asking(server, retry).ainvoke(ASKED)
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    "passing",
    [
        Reply(429, {"detail": "Rate limit reached"}),
        Reply(500, {"detail": "CUDA error"}),
        Reply(502, "Bad Gateway"),
        Reply(503, {"detail": "Model is loading"}),
    ],
)
async def test_what_passes_is_asked_again(passing):
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, on_failure="error")
    with ScriptedServer(passing, passing, HELLO) as server:
        assert asking(server, retry).invoke(ASKED)["messages"][-1].text == "Hello!"
        assert len(server.bodies) == 3
    with ScriptedServer(passing, passing, HELLO) as server:
        answer = await asking(server, retry).ainvoke(ASKED)
        assert answer["messages"][-1].text == "Hello!"


async def test_a_summary_that_is_too_long_is_cut():
    said = [kind(f"It is {n}. " * 40) for n in range(4) for kind in (HumanMessage, AIMessage)]
    for way in ("sync", "async"):
        with ScriptedServer(TOO_LONG, HELLO) as server:
            summarize = SummarizationMiddleware(
                model(server), trigger=("messages", 4), keep=("messages", 1)
            )
            agent = asking(server, summarize)
            history = {"messages": [*said, HumanMessage("And now?")]}
            answer = agent.invoke(history) if way == "sync" else await agent.ainvoke(history)
        assert answer["messages"][-1].text == "Hello!"
        refused, cut, asked = server.bodies
        assert len(json.dumps(cut)) < len(json.dumps(refused))
        assert "Hello!" in asked["messages"][0]["content"]


def test_langchain_s_names_catch_our_errors():
    with ScriptedServer(TOO_LONG) as server, pytest.raises(ContextOverflowError) as caught:
        model(server).invoke("x")
    assert caught.value.status == 400
    limited = Reply(429, {"detail": "Rate limit reached"}, {"Retry-After": "7"})
    with ScriptedServer(limited) as server, pytest.raises(ModelRateLimitError) as caught:
        list(model(server).stream("x"))
    assert caught.value.retry_after == 7
