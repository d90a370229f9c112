"""How the calls in earlier answers are sent, which decides how the model's prompt shows them."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from xinference_magics.wire.request import ModelDefaults, chat_request

CALLED = AIMessage("", tool_calls=[tool_call(name="f", args={"city": "Köln"}, id="1")])
BROKEN = AIMessage(
    "", invalid_tool_calls=[invalid_tool_call(name="f", args="{", id="1", error=None)]
)
RESULT = ToolMessage("cold", tool_call_id="1")


def arguments(engine, family, answer=CALLED):
    model = ModelDefaults(model_uid="tiny", engine=engine, family=family)
    sent = chat_request([HumanMessage("x"), answer, RESULT], model, {}).body["messages"]
    assert [each["role"] for each in sent] == ["user", "assistant", "tool"]
    return sent[1]["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize("engine", ["vLLM", "vllm", "transformers", "SGLang", "MLX"])
@pytest.mark.parametrize("family", ["qwen2.5-coder-instruct", "QwQ-32B", "Deepseek-V3.1"])
def test_arguments_are_objects_if_a_string_would_be_encoded_twice(engine, family):
    assert arguments(engine, family) == {"city": "Köln"}
    assert arguments(engine, family, BROKEN) == {}


@pytest.mark.parametrize(
    ("engine", "family"),
    [
        ("llama.cpp", "qwen2.5-coder-instruct"),  # it parses the string itself
        (None, "qwen2.5-coder-instruct"),
        ("vLLM", "qwen3"),  # its template distinguishes strings from objects
        ("vLLM", None),
    ],
)
def test_arguments_are_strings_otherwise(engine, family):
    assert arguments(engine, family) == '{"city": "Köln"}'


def test_the_conversation_itself_is_unchanged():
    arguments("vLLM", "qwen2.5-instruct")
    assert CALLED.tool_calls[0]["args"] == {"city": "Köln"}
    assert CALLED.additional_kwargs == {}


def test_a_number_outside_json_stays_in_a_string():
    nan = AIMessage("", tool_calls=[tool_call(name="f", args={"a": float("nan")}, id="1")])
    assert arguments("vLLM", "qwen2.5-instruct", nan) == '{"a": NaN}'
