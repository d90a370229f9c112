"""LangChain's agents on a real Xinference: structured answers as far as the engine allows."""

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core.exceptions import ContextOverflowError, ModelNotFoundError
from pydantic import BaseModel

from xinference_magics.chat_models import ChatXinference
from xinference_magics.wire.profile import model_profile


class Person(BaseModel):
    """A person."""

    name: str
    age: int


ASKED = {"messages": [{"role": "user", "content": "Ada is 36 years old."}]}


@pytest.fixture(scope="module")
def llm(tiny_chat):
    return ChatXinference(
        tiny_chat.endpoint,
        tiny_chat.gguf,
        engine="llama.cpp",
        profile=model_profile(("chat", "tools"), 4096, "llama.cpp"),
        temperature=0,
        max_tokens=200,
    )


async def test_the_engine_follows_an_agent_s_schema(llm):
    agent = create_agent(llm, response_format=Person)
    for answer in (agent.invoke(ASKED), await agent.ainvoke(ASKED)):
        assert isinstance(answer["structured_response"], Person)


def test_the_engine_follows_a_list(llm):
    ages = {"type": "array", "items": {"type": "integer", "maximum": 9}, "maxItems": 3}
    answer = llm.with_structured_output(ages, method="json_schema").invoke("Ada is 36 years old.")
    assert all(isinstance(each, int) for each in answer)


def test_permanent_errors_are_not_retried(llm):
    retry = ModelRetryMiddleware(max_retries=3, initial_delay=60, on_failure="error")
    nobody = llm.model_copy(update={"model_uid": "nobody"})
    with pytest.raises(ModelNotFoundError):
        create_agent(nobody, middleware=[retry]).invoke(ASKED)
    with pytest.raises(ContextOverflowError):
        create_agent(llm, middleware=[retry]).invoke({"messages": "word " * 20_000})
