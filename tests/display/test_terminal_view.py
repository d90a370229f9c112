"""A turn in a terminal."""

import io
import re

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from xinference_magics.chat.events import ToolStart
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.toolbox import declined
from xinference_magics.chat.turn import Turn
from xinference_magics.display.terminal import TerminalView
from xinference_magics.plain import neutralise, printable


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def styled(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")


def show(*pieces, stream=None, status="done"):
    """Print chunks one by one; a piece in a tuple is reasoning."""
    stream = stream or io.StringIO()
    live, view = LiveTurn("qwen"), TerminalView(stream)
    view.open([live])
    for piece in pieces:
        thought = {"reasoning_content": piece[0]} if isinstance(piece, tuple) else {}
        live.add(AIMessageChunk("" if thought else piece, additional_kwargs=thought))
        view.repaint([live])
    view.close(Turn("?", AIMessage(""), "qwen", seconds=1.5, status=status))
    return stream.getvalue()


def test_text_is_printed_as_it_arrives_and_ends_with_a_summary_line():
    assert show("The ", "capital.") == "The capital.\nqwen · 1.5 s total\n"


def test_a_turn_that_was_stopped_says_so():
    assert show("The", status="stopped").endswith("qwen · 1.5 s total · stopped\n")


def test_reasoning_is_set_apart_and_dimmed_only_in_a_terminal():
    plain = show(("Let me ",), ("think.",), "Paris.")
    assert plain == "Thinking: Let me think.\n\nParis.\nqwen · 1.5 s total\n"
    styled = show(("Let me think.",), "Paris.", stream=Terminal())
    assert styled.startswith("\x1b[2mThinking: Let me think.\x1b[0m\n\nParis.")


def test_model_text_cannot_control_the_terminal():
    printed = show("\x1b[2J\x1b]0;pwned\x07", "a\rb\x08\x9b31m\x7f", stream=io.StringIO())
    assert printed.startswith("␛[2J␛]0;pwned␇ab␈�31m␡")


def test_an_escape_sequence_in_two_pieces_is_harmless():
    assert "\x1b" not in show("\x1b", "[31m")


def test_newlines_and_tabs_stay():
    assert neutralise("a\r\n\tb") == "a\n\tb"


def test_waiting_is_shown_after_a_second_and_wiped(monkeypatch):
    stream, live = Terminal(), LiveTurn("qwen")
    view = TerminalView(stream)
    view.open([live])
    view.repaint([live])
    assert stream.getvalue() == ""
    live.started -= 3
    view.repaint([live])
    view.repaint([live])
    assert stream.getvalue().count("waiting for qwen: 3 s") == 1
    live.add(AIMessageChunk("Paris"))
    view.repaint([live])
    assert stream.getvalue().endswith("\r\x1b[KParis")


def test_lone_surrogates_are_replaced_and_whole_characters_kept():
    assert printable("\ud83da😀") == "�a😀"


def test_a_call_and_how_it_ended_are_one_line():
    stream, live = io.StringIO(), LiveTurn("qwen")
    view = TerminalView(stream)
    view.open([live])
    live.add(AIMessageChunk("I look."))
    for number, name in enumerate(("get_weather", "pay"), start=1):
        asks = name == "pay"
        live.add(ToolStart(str(number), name, {"city": "Paris"}, asks=asks))
        view.repaint([live])
    live.add(declined({"id": "2", "name": "pay", "args": {}}, "too dear"))
    live.add(ToolMessage("sun\nand rain", tool_call_id="1"))
    view.repaint([live])
    assert re.sub(r"\d\.\d", "0.0", stream.getvalue()) == (
        'I look.\n\nget_weather(city="Paris")\npay(city="Paris") · declined\n'
        'get_weather(city="Paris") → sun and rain · 0.0 s'
    )
