"""The figures of an answer: what is counted, and in what time."""

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from xinference_magics.chat import live as live_module
from xinference_magics.chat.events import ToolStart
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.turn import Turn


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests move."""
    now = [100.0]
    monkeypatch.setattr(live_module.time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def streamed(live, clock, count, *, each=0.1, usage=None):
    """Stream tokens of the model, one in each piece."""
    for number in range(count):
        clock(each if number else 0)
        live.add(AIMessageChunk("word "))
    if usage is not None:
        counted = {"input_tokens": 5, "output_tokens": usage, "total_tokens": 5 + usage}
        live.add(AIMessageChunk("", usage_metadata=counted))


def turn_of(live, status="done"):
    live.end()
    return Turn(
        "?",
        live.message(),
        "m",
        steps=live.steps,
        seconds=live.seconds,
        first_token_seconds=live.first_token_seconds,
        status=status,
    )


def test_waiting_and_tools_are_not_in_the_rate(clock):
    live = LiveTurn("m")
    clock(2)
    streamed(live, clock, 31, usage=31)
    call = {"name": "look", "args": "{}", "id": "1", "index": 0}
    live.add(AIMessageChunk("", tool_call_chunks=[call]))
    live.add(ToolStart("1", "look"))
    clock(30)
    live.add(ToolMessage("sun", tool_call_id="1"))
    clock(5)
    streamed(live, clock, 11, usage=11)
    clock(1)
    turn = turn_of(live)
    assert turn.tokens_per_second == pytest.approx(10)
    expected = ["42 tokens", "10 tokens/s", "2.0 s to first token", "42.0 s total"]
    assert turn.figures.words == expected
    assert Turn.from_record(turn.to_record()).figures == turn.figures
    assert live.figures.words_so_far[1:] == expected[1:3]


def test_an_answer_that_was_stopped_keeps_its_tokens(clock):
    live = LiveTurn("m")
    streamed(live, clock, 30)
    words = turn_of(live, "stopped").figures.words
    assert words[:2] == ["about 30 tokens", "10 tokens/s"]
    assert live.figures.words_so_far[0] == "30 tokens"


def test_few_tokens_have_no_rate(clock):
    live = LiveTurn("m")
    streamed(live, clock, 19, usage=19)
    assert turn_of(live).figures.words[1] == "0.00 s to first token"


def test_an_answer_that_arrived_as_a_whole_has_no_rate(clock):
    live = LiveTurn("m")
    live.add(AIMessageChunk("word " * 300))
    clock(0.05)
    live.add(AIMessageChunk("."))
    turn = turn_of(live)
    assert turn.tokens_per_second is None
    assert 200 < turn.tokens < 500  # estimated, as it came in two pieces


def test_a_call_is_the_first_token(clock):
    live = LiveTurn("m")
    clock(3)
    assert live.figures.words_so_far == []
    call = {"name": "look", "args": "{}", "id": "1", "index": 0}
    live.add(AIMessageChunk("", tool_call_chunks=[call]))
    assert live.first_token_seconds == 3


@pytest.mark.parametrize("found", [7, {"pieces": "x"}, {"tokens": -1}, {"seconds": float("nan")}])
def test_figures_of_a_record_are_not_trusted(found):
    message = AIMessage("x", response_metadata={"streamed": found})
    record = Turn("p", message, "m").to_record()
    assert Turn.from_record(record).figures.tokens_per_second is None


def test_all_thoughts_and_calls_of_a_turn_are_its_own():
    calls = [{"name": "look", "args": {}, "id": each, "type": "tool_call"} for each in ("1", "2")]
    steps = [
        AIMessage("", tool_calls=calls[:1], additional_kwargs={"reasoning_content": "First."}),
        ToolMessage("sun", tool_call_id="1"),
    ]
    end = AIMessage("x", tool_calls=calls[1:], additional_kwargs={"reasoning_content": "Then."})
    turn = Turn("p", end, "m", steps=steps)
    assert turn.reasoning == "First.\n\nThen."
    assert [each["id"] for each in turn.tool_calls] == ["1", "2"]
