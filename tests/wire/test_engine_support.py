import pytest
from langchain_core.messages import HumanMessage

from xinference_magics.wire.engines import (
    ignored_in_chat,
    ignored_options,
    omits_reasoning,
    tool_choice_violation,
)
from xinference_magics.wire.request import ModelDefaults, chat_request

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
JSON = {"type": "json_object"}


def request(engine=None, **call):
    return chat_request([HumanMessage("x")], ModelDefaults(model_uid="tiny", engine=engine), call)


@pytest.mark.parametrize(
    ("engine", "call", "said"),
    [
        ("Transformers", {"seed": 0}, ["The transformers engine ignores seed."]),
        ("transformers", {"logprobs": False}, []),
        ("transformers", {"response_format": JSON}, ['use method="function_calling" there']),
        ("llama.cpp", {"seed": 1, "logprobs": True}, []),
        ("llama.cpp", {"response_format": JSON}, []),
        ("llama.cpp", {"response_format": JSON, "tools": [TOOL]}, ['ignores "json_object"']),
        ("llama.cpp", {"parallel_tool_calls": False}, ["ignores parallel_tool_calls=False"]),
        ("llama.cpp", {"repetition_penalty": 1.2}, ["llama.cpp engine ignores repetition_penalty"]),
        ("llama.cpp", {"repetition_penalty": 1.0, "frequency_penalty": 1}, []),
        ("transformers", {"frequency_penalty": 0.5}, ["ignores frequency_penalty"]),
        ("transformers", {"presence_penalty": 0.5}, ["ignores presence_penalty"]),
        ("transformers", {"presence_penalty": 0}, []),
        ("transformers", {"frequency_penalty": 0, "repetition_penalty": 1.2}, []),
        ("transformers", {"ignore_eos": True}, ["transformers engine ignores ignore_eos"]),
        ("transformers", {"lora_name": "french"}, ["transformers engine ignores lora_name"]),
        ("llama.cpp", {"lora_name": "french"}, ["llama.cpp engine ignores lora_name"]),
        ("vLLM", {"lora_name": "french"}, []),
        ("vLLM", {"ignore_eos": True}, ["vllm engine ignores ignore_eos"]),
        ("vLLM", {"ignore_eos": False, "parallel_tool_calls": False}, []),
        ("vLLM", {"seed": 1, "response_format": JSON}, []),
        (None, {"seed": 1, "parallel_tool_calls": False}, []),
    ],
)
def test_parameters_that_an_engine_ignores_are_reported(engine, call, said):
    sentences = list(ignored_options(request(engine, **call)))
    assert len(sentences) == len(said)
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))


def test_any_object_is_asked_of_llama_cpp_by_a_schema():
    sent = request("llama.cpp", response_format=JSON).body["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == {"type": "object"}
    assert request("vLLM", response_format=JSON).body["response_format"] == JSON


@pytest.mark.parametrize(
    "choice", [{}, {"type": "auto"}, {"function": 1}, {"function": {"name": []}}]
)
def test_a_choice_of_another_form_asks_for_nothing(choice):
    assert tool_choice_violation(request(extra_body={"tool_choice": choice}), set()) is None


@pytest.mark.parametrize(
    ("choice", "called", "said"),
    [
        (None, set(), None),
        ("auto", set(), None),
        ("none", set(), None),
        ("any", {"f"}, None),
        ("any", set(), "called no tool though tool_choice requires one"),
        ("f", {"f"}, None),
        ("f", {"g"}, "did not call f though tool_choice requires it"),
    ],
)
def test_an_unmet_choice_is_reported(choice, called, said):
    sentence = tool_choice_violation(request(tools=[TOOL], tool_choice=choice), called)
    assert sentence == (f"tiny {said}." if said else None)


def test_the_engine_is_named_if_it_is_known():
    sentence = tool_choice_violation(request("transformers", tools=[TOOL], tool_choice="f"), set())
    assert sentence.endswith("; the transformers engine does not enforce it.")


@pytest.mark.parametrize(
    ("thinks", "asked", "said"),
    [(False, True, True), (False, False, False), (True, True, False), (None, True, False)],
)
def test_thinking_of_a_model_without_reasoning_is_reported(thinks, asked, said):
    model = ModelDefaults(model_uid="tiny", thinks=thinks)
    made = chat_request([HumanMessage("x")], model, {"enable_thinking": asked})
    sentences = ["tiny is not listed as a reasoning model: enable_thinking has no effect."]
    assert list(ignored_in_chat(made)) == (sentences if said else [])


@pytest.mark.parametrize(("thinks", "hidden"), [(True, True), (False, False), (None, False)])
def test_reasoning_is_known_from_the_description(thinks, hidden):
    model = ModelDefaults(model_uid="tiny", engine="llama.cpp", thinks=thinks)
    assert omits_reasoning(chat_request([HumanMessage("x")], model, {})) == hidden


@pytest.mark.parametrize("form", ["json_object", 5, None])
def test_a_response_format_of_another_form_is_passed_on(form):
    made = request("llama.cpp", extra_body={"response_format": form})
    assert made.body["response_format"] == form
    assert list(ignored_options(made)) == []
