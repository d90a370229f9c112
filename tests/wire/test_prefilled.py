"""Answers that begin in the middle of reasoning are recognized by the model's family."""

import pytest
import recorded
from langchain_core.messages import HumanMessage

from xinference_magics import ChatXinference
from xinference_magics.wire.answer import to_message
from xinference_magics.wire.profile import model_profile
from xinference_magics.wire.reasoning import is_prefilled
from xinference_magics.wire.request import ModelDefaults, chat_request


def request(family, engine="vLLM", prefilled=None, **call):
    model = ModelDefaults(model_uid="m", engine=engine, family=family, think_prefilled=prefilled)
    return chat_request([HumanMessage("x")], model, call)


@pytest.mark.parametrize(
    ("family", "thinking", "expected"),
    [
        ("Kimi-K2.5", False, True),
        ("qwen3.5", True, True),
        ("qwen3.5", False, False),
        ("qwen3", True, False),
        (None, True, False),
    ],
)
def test_the_family_decides(family, thinking, expected):
    assert request(family, enable_thinking=thinking).think_prefilled is expected
    assert not is_prefilled(family, "llama.cpp", thinking=thinking)


def test_the_user_can_override_the_family():
    assert request("qwen3", prefilled=True).think_prefilled
    assert not request("Kimi-K2.5", prefilled=False).think_prefilled
    assert not request("Kimi-K2.5", model="other").think_prefilled


def test_the_profile_names_the_family():
    llm = ChatXinference(model="m", profile=model_profile(("chat",), None, family="Kimi-K2.5"))
    assert llm._defaults.family == "Kimi-K2.5"


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("Two and two.\n</think>\n\n4.", "Two and two.", "4."),
        ("a\n[/THINK]\nb", "a", "b"),
        ("The tag </think> ends a thought.", "", "The tag </think> ends a thought."),
        ("Like this: <think>\na\n</think>\nb", "", "Like this: <think>\na\n</think>\nb"),
        ("<think>\na\n</think>\nb", "a", "b"),
        ("~~~\n</think>\n~~~", "", "~~~\n</think>\n~~~"),
        ("```\n~~~\n</think>\n```", "", "```\n~~~\n</think>\n```"),
        ("```x``` a\n</think>\nb", "```x``` a", "b"),
        ("I may write <tool_call>.\n</think>\nb", "I may write <tool_call>.", "b"),
        ("<tool_call>\na\n</tool_call>\n</think>\nb", "<tool_call>\na\n</tool_call>", "b"),
    ],
)
def test_a_whole_answer_that_only_closes_its_reasoning(text, thought, answer):
    message = to_message(recorded.whole({"content": text}), request(None))
    said = message.additional_kwargs.get("reasoning_content", "")
    assert (said, message.content) == (thought, answer)


@pytest.mark.parametrize(
    "form",
    [
        "<tool_call>\n<function=f>\n<parameter=x>\n{}\n</parameter>\n</function>\n</tool_call>",
        "<function=f>\n<parameter=x>\n{}\n</parameter>\n</function>",
        "<tool_call>f\n<arg_key>x</arg_key>\n<arg_value>{}</arg_value>\n</tool_call>",
    ],
)
def test_a_tag_in_an_argument_closes_no_reasoning(form):
    value = "a\n</think>\nb"
    function = {"name": "f", "parameters": {"properties": {"x": {"type": "string"}}}}
    asked = request(None, tools=[{"type": "function", "function": function}])
    message = to_message(recorded.whole({"content": form.format(value)}), asked)
    assert (message.content, message.tool_calls[0]["args"]) == ("", {"x": value})
