import warnings

import pytest
from langchain_core.messages import HumanMessage

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import BadRequestError
from xinference_magics.wire.profile import model_profile, unreadable

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
                llm._request(asked, None, {})
        else:
            assert llm._request(asked, None, {}).body
        assert llm._request(asked, None, {"model": "other"}).body


def test_without_a_profile_everything_is_sent():
    assert unreadable(None) == unreadable({}) == set()
    llm = ChatXinference(model="tiny")
    assert llm._request([HumanMessage([*BLOCKS.values()])], None, {}).body


def test_what_a_profile_says():
    profile = model_profile(("chat", "tools", "reasoning"), 4096)
    assert profile["max_input_tokens"] == 4096
    assert profile["tool_calling"] is profile["tool_call_streaming"] is True
    assert profile["reasoning_output"] is True
    assert "structured_output" not in profile


def test_langchain_core_knows_every_key():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ChatXinference(model="tiny", profile=model_profile(("chat", "omni"), 4096))
    assert caught == []


@pytest.mark.parametrize(
    ("engine", "kind"), [("llama.cpp", "input_audio"), ("transformers", "audio")]
)
def test_openai_s_sounds_are_spelled_for_the_engine(engine, kind):
    llm = ChatXinference(model="tiny", engine=engine)
    body = llm._request([HumanMessage([BLOCKS["audio"]])], None, {}).body
    assert [part["type"] for part in body["messages"][0]["content"]] == [kind]
