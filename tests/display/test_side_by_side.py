"""Several turns in a terminal, and as plain output."""

import io
import json

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from xinference_magics.chat.comparison import COMPARISON_MIME, Comparison
from xinference_magics.chat.conversation import Conversation
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.turn import Turn
from xinference_magics.display.comparison import bundle
from xinference_magics.display.terminal import TerminalView

FORMS = ("text/html", "text/markdown", "text/plain")


def turn(text, uid, **fields):
    return Turn("A question?", AIMessage(text), uid, seconds=1.5, **fields)


def comparison(*turns, names=None, **fields):
    names = names or tuple(each.model_uid for each in turns)
    return Comparison(names, list(turns), Conversation("talk"), **fields)


def of_two():
    return comparison(turn("Paris.", "first"), turn("It is *Paris*.", "second"))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_all_answers_and_names_the_kept_one(form):
    shown = bundle(of_two())[form]
    for part in ("Paris.", "It is", "first", "second", "1.5 s"):
        assert part in shown
    assert "continuing with first (keep second to" in shown


def test_columns_are_rendered_and_their_records_kept():
    shown = bundle(of_two())
    assert set(shown) == {*FORMS, COMPARISON_MIME}
    assert "It is <em>Paris</em>." in shown["text/html"]
    records = json.loads(json.dumps(shown))[COMPARISON_MIME]["turns"]
    assert [Turn.from_record(each).conversation for each in records] == ["talk", None]


def test_a_failure_appears_in_its_column_and_is_not_offered():
    broken = turn("", "second", status="failed", error="The server is gone.")
    shown = bundle(comparison(turn("Paris.", "first"), broken))
    for form in FORMS:
        assert "failed: The server is gone." in shown[form]
        assert "to switch" not in shown[form]


def test_attachments_are_shown_once():
    picture = [{"type": "image", "base64": "AA==", "mime_type": "image/png"}]
    turns = [turn("Red.", uid, blocks=picture) for uid in ("first", "second")]
    assert bundle(comparison(*turns))["text/html"].count("<img") == 1


def test_model_text_is_never_markup():
    hostile = "<script>x</script>\x1b]0;title\x07"
    shown = bundle(comparison(turn(hostile, hostile), turn(hostile, "b", error=hostile)))
    assert "<script" not in shown["text/html"] + shown["text/markdown"]
    assert "\x1b" not in shown["text/plain"]


class Pieces:
    """Turns that arrive piece by piece."""

    def __init__(self, **options):
        self.stream = io.StringIO()
        self.view = TerminalView(self.stream, **options)
        self.lives = [LiveTurn("first"), LiveTurn("second")]
        self.view.open(self.lives)

    def arrive(self, column, text):
        self.lives[column].add(AIMessageChunk(text))
        self.view.repaint(self.lives)

    def end(self, column):
        self.lives[column].end()
        self.view.repaint(self.lives)

    @property
    def printed(self):
        return self.stream.getvalue()


def test_a_terminal_prints_the_second_when_the_first_has_ended():
    pieces = Pieces()
    pieces.arrive(1, "It is ")
    pieces.arrive(0, "Par")
    assert pieces.printed == "── first ──\nPar"
    pieces.arrive(0, "is.")
    pieces.end(0)
    assert pieces.printed == "── first ──\nParis.\n\n── second ──\nIt is "
    pieces.arrive(1, "Paris.")
    pieces.end(1)
    pieces.view.close(of_two())
    assert pieces.printed.endswith(
        "It is Paris.\n\n✓ first · 1.5 s total\n  second · 1.5 s total\n"
        "continuing with first (keep second to switch)\n"
    )


def test_a_terminal_that_does_not_stream_prints_everything_at_the_end():
    pieces = Pieces(live=False)
    pieces.arrive(0, "Paris.")
    pieces.arrive(1, "It is Paris.")
    assert pieces.printed == ""
    pieces.view.close(of_two())
    assert pieces.printed.startswith("── first ──\nParis.\n\n── second ──\nIt is Paris.\n\n✓")


def test_partial_answers_are_printed_when_both_are_stopped():
    pieces = Pieces()
    pieces.arrive(1, "It is")
    pieces.arrive(0, "Par")
    pieces.end(0)
    pieces.end(1)
    assert pieces.printed == "── first ──\nPar\n\n── second ──\nIt is\n\n"


def test_what_the_cell_raises_is_not_in_the_columns_too():
    both = of_two()
    for each, name in zip(both.turns, ("first", "second"), strict=True):
        each.status, each.error = "failed", f"{name} is gone."
    for form in FORMS:
        assert "is gone." in bundle(both)[form]
        assert "is gone." not in bundle(both, raises=True)[form]
    both.turns[0].status = "interrupted"
    for form in FORMS:
        shown = bundle(both, raises=True)[form]
        assert "interrupted" not in shown
        assert "failed: second is gone." in shown
