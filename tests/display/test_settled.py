"""A finished turn as plain output."""

import base64
import json
import struct
import zlib

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from xinference_magics.chat.turn import RECORD_MIME, Turn
from xinference_magics.display.settled import bundle, summary


def turn(text="The answer.", *, reasoning="", finish="stop", tokens=33, **fields):
    usage = {"input_tokens": 9, "output_tokens": tokens, "total_tokens": tokens + 9}
    message = AIMessage(
        text,
        additional_kwargs={"reasoning_content": reasoning} if reasoning else {},
        usage_metadata=usage if tokens else None,
        response_metadata={"finish_reason": finish},
    )
    given = {"seconds": 2.5, "first_token_seconds": 0.5, **fields}
    return Turn("A question?", message, "qwen", **given)


def test_bundle_has_every_form_and_is_json():
    shown = bundle(turn())
    assert set(shown) == {"text/html", "text/markdown", "text/plain", RECORD_MIME}
    assert Turn.from_record(json.loads(json.dumps(shown))[RECORD_MIME]).text == "The answer."


@pytest.mark.parametrize("form", ["text/html", "text/markdown", "text/plain"])
def test_every_form_has_text_model_tokens_rate_and_seconds(form):
    shown = bundle(turn())[form]
    for part in ("The answer.", "qwen", "33 tokens", "16 tokens/s", "2.5 s total"):
        assert part in shown


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"finish": "length"}, "truncated by max_tokens (raise max_tokens)"),
        ({"finish": "abort"}, "aborted on the server"),
        ({"finish": "error"}, "ended by an engine error (see the server log)"),
        ({"finish": "content_filter"}, "stopped by a content filter on the server"),
        ({"status": "stopped"}, "stopped"),
        ({"status": "interrupted"}, "interrupted"),
        ({"status": "failed", "error": "The server is gone."}, "failed: The server is gone."),
    ],
)
def test_an_unusual_end_is_named(fields, note):
    shown = bundle(turn(**fields))
    assert all(note in shown[form] for form in ("text/html", "text/plain"))
    assert summary(turn(**fields)).endswith(note)


def test_a_usual_end_is_not_mentioned():
    figures = "33 tokens · 16 tokens/s · 0.50 s to first token · 2.5 s total"
    assert summary(turn()) == f"qwen · {figures}"


def test_tokens_that_the_server_did_not_count_are_not_made_up():
    assert summary(turn(tokens=0)) == "qwen · 0.50 s to first token · 2.5 s total"


def test_reasoning_is_in_a_closed_fold():
    html = bundle(turn(reasoning="Let me *think*."))["text/html"]
    assert "<details>" in html
    assert "open" not in html.partition("<summary")[0]
    assert "Let me <em>think</em>." in html
    assert "<details" not in bundle(turn(reasoning="  \n"))["text/html"]


def test_names_and_errors_are_not_markup():
    shown = bundle(turn(status="failed", error="<b>bad</b>", reasoning="<i>x</i>"))
    assert "&lt;b&gt;bad" in shown["text/html"]
    assert "&lt;i&gt;x" in shown["text/html"]
    named = Turn("", AIMessage(""), "<script>uid</script>")
    assert "<script" not in bundle(named)["text/html"]
    assert "<script" not in bundle(named)["text/markdown"]


def test_plain_text_cannot_steer_a_terminal():
    assert "\x1b" not in bundle(turn("\x1b]0;title\x07"))["text/plain"]


def test_lone_surrogates_do_not_prevent_saving_a_turn():
    json.dumps(bundle(turn("\ud83d")), ensure_ascii=False).encode()


def test_a_tools_picture_is_shown_small_in_its_step():
    picture = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
    call = {"id": "1", "name": "draw", "args": {}}
    content = [{"type": "text", "text": "Figure, as a picture:"}, picture]
    steps = [AIMessage("", tool_calls=[call]), ToolMessage(content, tool_call_id="1")]
    shown = bundle(turn(steps=steps))
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in shown["text/html"]
    assert "Figure, as a picture:" in shown["text/html"]
    assert Turn.from_record(shown[RECORD_MIME]).steps[1].content == content


def test_text_before_a_tool_call_stays_above_its_line():
    calls = [{"id": each, "name": "look", "args": {"at": each}} for each in ("1", "2")]
    steps = [
        AIMessage("Let me **look** <i>.", tool_calls=calls),
        ToolMessage("sun", tool_call_id="1"),
        ToolMessage("rain", tool_call_id="2"),
    ]
    shown = bundle(turn(steps=steps))
    said = "Let me **look**"
    plain = shown["text/plain"]
    lines = '[look(at="1") → sun]\n[look(at="2") → rain]'
    assert plain.startswith(f"{said} <i>.\n\n{lines}\n\nThe answer.")
    assert shown["text/markdown"].count(said) == plain.count(said) == 1
    assert shown["text/markdown"].index(said) < shown["text/markdown"].index("- look")
    html = shown["text/html"]
    assert html.index("Let me <strong>look</strong> &lt;i&gt;.") < html.index("<details")


def test_a_picture_too_large_to_be_drawn_is_named():
    """Pillow refuses to open it because it could be a decompression bomb."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    data = struct.pack(">I", 100_000) + b"IDAT" + bytes(100_000)
    picture = {
        "type": "image",
        "base64": base64.b64encode(png + data).decode(),
        "mime_type": "image/png",
        "extras": {"name": "map.png"},
    }
    shown = bundle(turn(blocks=[{"type": "text", "text": "What?"}, picture]))
    assert "[map.png]" in shown["text/html"]
    assert "<img" not in shown["text/html"]


def test_thoughts_texts_and_calls_are_in_the_order_in_which_they_came():
    def step(number, thought):
        call = {"id": number, "name": f"call_{number}", "args": {}}
        kwargs = {"reasoning_content": thought}
        return AIMessage(f"Text {number}.", tool_calls=[call], additional_kwargs=kwargs)

    declined = {"declined": True}
    steps = [
        step("1", "Thought 1."),
        ToolMessage("Result 1", tool_call_id="1", response_metadata={"seconds": 2.04}),
        step("2", "Thought 2."),
        ToolMessage("OSError: off", tool_call_id="2", status="error"),
        step("3", "Thought 3."),
        ToolMessage("No.", tool_call_id="3", status="error", response_metadata=declined),
        step("4", "Thought 4."),
    ]
    shown = bundle(turn(steps=steps, reasoning="Thought 5."))
    outcomes = ["→ Result 1 · 2.0 s", "→ OSError: off · failed", "· declined", "· no result"]
    order = [
        word
        for number, outcome in enumerate(outcomes, start=1)
        for word in (f"Thought {number}.", f"Text {number}.", f"call_{number}", outcome)
    ]
    for form in ("text/html", "text/plain"):
        places = [shown[form].index(word) for word in (*order, "Thought 5.", "The answer.")]
        assert places == sorted(places)
    marks = [shown["text/html"].count(f">{mark}<") for mark in "✓✗⊘–"]
    assert marks == [1, 1, 1, 1]


def test_a_failure_that_the_cell_raises_is_told_once():
    failed = turn(status="failed", error="The server is gone.")
    for form in ("text/html", "text/markdown", "text/plain"):
        assert "gone" in bundle(failed)[form]
        assert "gone" not in bundle(failed, raises=True)[form]
