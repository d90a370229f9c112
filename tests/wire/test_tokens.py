"""Token estimates, compared with the counts of a real tokenizer."""

import json
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from xinference_magics.wire.tokens import MEDIUM_TOKENS, estimated_message_tokens, estimated_tokens

COUNTED = json.loads(Path(__file__).with_name("qwen_tokens.json").read_text("utf-8"))["texts"]
CALL = {"name": "get_weather", "args": {"city": "Paris"}, "id": "1"}
SOUND = {"type": "audio", "base64": "A" * 1_000_000, "mime_type": "audio/wav"}


@pytest.mark.parametrize("counted", COUNTED, ids=lambda counted: counted["kind"])
def test_an_estimate_is_within_30_percent(counted):
    assert estimated_tokens(counted["text"]) == pytest.approx(counted["tokens"], rel=0.3)


@pytest.mark.parametrize("text", ["", "\0\x1b\ud800", "word " * 3, "7" * 50, "語" * 50])
def test_twice_the_text_has_twice_the_tokens(text):
    once = estimated_tokens(text)
    assert bool(once) == bool(text)
    assert estimated_tokens(f"{text} {text}") == pytest.approx(2 * once, abs=2)


def test_messages_count_what_is_sent():
    system, asked = SystemMessage("Be brief."), HumanMessage("How is the weather?")
    called = AIMessage("", tool_calls=[CALL])
    thought = AIMessage([{"type": "thinking", "thinking": "Hm. " * 100}, "Fine."])
    told = ToolMessage("Sunny", tool_call_id="1")
    turns = [asked, called, told, thought]
    whole = estimated_message_tokens([system, *turns])
    assert whole == estimated_message_tokens([system]) + estimated_message_tokens(turns)
    assert 35 <= whole <= 60
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}
    assert estimated_message_tokens(turns, [tool]) > estimated_message_tokens(turns) + 10


def test_media_count_the_same_whatever_their_size():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    words = estimated_message_tokens([HumanMessage([{"type": "text", "text": "What is this?"}])])
    both = estimated_message_tokens(
        [HumanMessage([{"type": "text", "text": "What is this?"}, image, SOUND])]
    )
    assert both == words + 2 * MEDIUM_TOKENS
