import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.messages import to_wire
from xinference_magics.wire.parameters import CONFIG_NAMES
from xinference_magics.wire.request import ModelDefaults, chat_request

HELLO = [HumanMessage("Hello")]


def body(messages=HELLO, call=None, *, stream=False, **model):
    request = chat_request(
        messages, ModelDefaults(model_uid="tiny", **model), call or {}, stream=stream
    )
    return {name: value for name, value in request.body.items() if name != "request_id"}


def test_the_smallest_request():
    assert body() == {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}


def test_every_request_has_its_own_id():
    one, other = (chat_request(HELLO, ModelDefaults(model_uid="t"), {}) for _ in range(2))
    assert one.request_id != other.request_id


def test_a_stream_asks_for_its_usage():
    assert body(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(stream=True, stream_usage=False)


def test_the_precedence_of_parameters():
    sent = body(
        fields={"temperature": 0.1, "top_p": 0.2, "seed": 1},
        extra_body={"seed": 2, "min_p": 0.3},
        call={"temperature": 0.5, "extra_body": {"min_p": 0.4, "messages": []}, "model": "other"},
    )
    assert sent == {
        "model": "other",
        "messages": [],
        "temperature": 0.5,
        "top_p": 0.2,
        "seed": 2,
        "min_p": 0.4,
    }


def test_the_prompt_of_another_model_is_unknown():
    model = ModelDefaults(model_uid="tiny", think_prefilled=True)
    assert chat_request(HELLO, model, {"temperature": 0}).think_prefilled
    assert not chat_request(HELLO, model, {"model": "other"}).think_prefilled


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "base64": 5},
        {"type": ["image"]},
        {"type": "image", "base64": "AAAA", "mime_type": 5},
    ],
)
def test_an_invalid_block_is_reported(block):
    with pytest.raises(BadRequestError, match="A message cannot be sent"):
        to_wire([HumanMessage([block])])


def test_generate_config_of_older_code_is_unfolded_and_never_switches_streaming():
    assert body(call={"generate_config": {"max_tokens": 7, "stream": True}}) == {
        **body(),
        "max_tokens": 7,
    }


@pytest.mark.parametrize("stop", [None, [], ""])
def test_an_empty_stop_is_not_sent(stop):
    assert "stop" not in body(fields={"stop": stop})


def test_the_stop_of_a_call_replaces_that_of_the_model():
    assert body(fields={"stop": ["a"]}, call={"stop": ["b"]})["stop"] == ["b"]
    assert body(fields={"stop": ["a"]}, call={"stop": None})["stop"] == ["a"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"max_token": 5}, "no parameter 'max_token'. Did you mean max_tokens"),
        ({"temprature": 1}, r"Did you mean temperature\?$"),
        ({"generate_config": {"max_new_tokens": 5}}, "no parameter 'max_new_tokens'"),
        ({"frobnicate": 1}, r"extra_body=\{'frobnicate': ...\}"),
        ({"temperature": 3}, "temperature=3 is not a valid value: input should be less than"),
        ({"generate_config": [("seed", 1)]}, "generate_config must be a dict, not "),
        ({"extra_body": "x"}, "extra_body must be a dict, not 'x'"),
        ({"max_tokens": 0}, "max_tokens=0 is not a valid value"),
        ({"max_tokens": "many"}, "max_tokens='many' is not a valid value"),
    ],
)
def test_mistakes_are_reported_before_anything_is_sent(call, message):
    with pytest.raises(BadRequestError, match=message):
        body(call=call)


def test_numbers_may_be_strings():
    assert body(call={"max_tokens": "5", "temperature": "0.5"}) == {
        **body(),
        "max_tokens": 5,
        "temperature": 0.5,
    }


def test_four_parameters_may_be_in_the_config_of_a_call():
    assert set(CONFIG_NAMES) == {"max_tokens", "temperature", "top_p", "seed"}


def test_a_tool_choice_is_sent_only_with_tools():
    assert "tool_choice" not in body(call={"tool_choice": "auto"})


def test_messages_keep_their_order():
    messages = [HumanMessage("I love programming."), SystemMessage("Translate to French.")]
    assert to_wire(messages) == [
        {"role": "user", "content": "I love programming."},
        {"role": "system", "content": "Translate to French."},
    ]


def test_a_conversation_with_tools():
    call = {"name": "get_weather", "args": {"city": "Zürich"}, "id": "1"}
    sent = to_wire([AIMessage("", tool_calls=[call]), ToolMessage("18 °C", tool_call_id="1")])
    function = {"name": "get_weather", "arguments": '{"city": "Zürich"}'}
    assert sent == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "id": "1", "function": function}],
        },
        {"role": "tool", "content": "18 °C", "tool_call_id": "1"},
    ]


def test_an_answer_in_blocks_is_sent_back_as_text_and_calls():
    answer = AIMessage(
        [
            {"type": "reasoning", "reasoning": "hm"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_call", "name": "f", "args": {}, "id": "1"},
        ],
        tool_calls=[{"name": "f", "args": {}, "id": "1"}],
        additional_kwargs={"reasoning_content": "hm"},
    )
    [sent] = to_wire([answer])
    assert sent["content"] == "Let me see."
    assert "reasoning_content" not in sent
    assert len(sent["tool_calls"]) == 1


def test_text_blocks_become_one_text():
    assert to_wire([HumanMessage(["a", {"type": "text", "text": "b"}])]) == [
        {"role": "user", "content": "a\nb"}
    ]
