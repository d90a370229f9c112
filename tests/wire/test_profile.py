import warnings

import pytest
from langchain_core.messages import HumanMessage

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError
from xinference_magics.wire.profile import as_described, model_profile, unreadable
from xinference_magics.wire.request import ModelDefaults, chat_request

BLOCKS = {
    "image": {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
    "audio": {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    "video": {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,aGk="}},
}


@pytest.mark.parametrize(
    ("abilities", "kinds"),
    [
        (("chat",), {"image", "audio", "video"}),
        (("chat", "vision"), {"audio"}),
        (("chat", "audio"), {"image", "video"}),
        (("chat", "omni"), set()),
    ],
)
def test_media_follow_the_abilities(abilities, kinds):
    profile = model_profile(abilities, None)
    assert unreadable(profile) == kinds
    llm = ChatXinference(model="tiny", profile=profile)
    for kind, block in BLOCKS.items():
        asked = [HumanMessage([block])]
        if kind in kinds:
            with pytest.raises(BadRequestError, match=f"The model tiny cannot read {kind} input"):
                chat_request(asked, llm._defaults, {})
        else:
            assert chat_request(asked, llm._defaults, {}).body
        assert chat_request(asked, llm._defaults, {"model": "other"}).body


def test_without_a_profile_everything_is_sent():
    assert unreadable({}) == set()
    llm = ChatXinference(model="tiny")
    assert chat_request([HumanMessage([*BLOCKS.values()])], llm._defaults, {}).body


def test_the_keys_of_a_profile():
    profile = model_profile(("chat", "tools", "reasoning"), 4096)
    assert profile["max_input_tokens"] == 4096
    assert profile["tool_calling"] is profile["tool_call_streaming"] is True
    assert profile["reasoning_output"] is True
    assert "structured_output" not in profile


@pytest.mark.parametrize("engine", ["llama.cpp", "vLLM", "SGLang"])
def test_engines_that_follow_a_schema(engine):
    assert model_profile(("chat",), None, engine)["structured_output"] is True


@pytest.mark.parametrize("engine", ["Transformers", "MLX", None])
def test_engines_that_follow_no_schema(engine):
    assert "structured_output" not in model_profile(("chat",), None, engine)


def test_langchain_core_knows_every_key():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ChatXinference(model="tiny", profile=model_profile(("chat", "omni"), 4096, "vLLM"))
    assert caught == []


@pytest.mark.parametrize(
    ("engine", "kind"), [("llama.cpp", "input_audio"), ("transformers", "audio")]
)
def test_openai_sounds_have_the_form_of_the_engine(engine, kind):
    llm = ChatXinference(model="tiny", engine=engine)
    body = chat_request([HumanMessage([BLOCKS["audio"]])], llm._defaults, {}).body
    assert [part["type"] for part in body["messages"][0]["content"]] == [kind]


SEES = {"model_engine": "llama.cpp", "model_ability": ["chat", "vision"]}


@pytest.mark.parametrize(
    ("description", "engine", "kinds"),
    [
        (SEES, "llama.cpp", {"audio"}),
        ({"model_engine": "Transformers"}, "Transformers", None),
        ({"model_engine": 5, "model_ability": "chat"}, None, None),
        ({"model_ability": ["vision", None]}, None, {"audio"}),
        ({"model_ability": []}, None, None),
        (None, None, None),
        ([], None, None),
    ],
)
def test_a_description_gives_engine_and_abilities(description, engine, kinds):
    found = as_described(ModelDefaults(model_uid="tiny"), "tiny", description)
    assert (found.model_uid, found.engine, found.unreadable) == ("tiny", engine, kinds)


def test_known_values_take_precedence_over_a_description():
    tiny = ModelDefaults(model_uid="tiny", engine="vLLM", unreadable=frozenset({"video"}))
    found = as_described(tiny, "tiny", SEES)
    assert (found.engine, found.unreadable) == ("vllm", {"video"})


def test_the_description_of_another_model_replaces_known_values():
    tiny = ModelDefaults(model_uid="tiny", engine="transformers", think_prefilled=True)
    found = as_described(tiny, "other", SEES)
    assert (found.model_uid, found.engine) == ("other", "llama.cpp")
    assert not found.think_prefilled
