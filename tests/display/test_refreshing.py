"""Views that redraw in place."""

import io

from xinference_magics.display.refreshing import GrowingView, TerminalRefreshingView


def test_a_terminal_is_overwritten_line_by_line():
    stream = io.StringIO()
    view = TerminalRefreshingView(stream, (20, 10))
    view.paint("", "one\ntwo\nthree", "12:00:00")
    assert stream.getvalue().count("\n") == 4
    assert "\x1b[4A" not in stream.getvalue()
    view.paint("", "one", "12:00:02")
    assert stream.getvalue().endswith("\x1b[4A\r\x1b[Kone\n\r\x1b[K12:00:02\n\x1b[J")


def test_a_terminal_that_is_too_small_is_not_scrolled():
    stream = io.StringIO()
    TerminalRefreshingView(stream, (10, 3)).paint("", "a line that is long\nb\nc\nd", "note")
    lines = stream.getvalue().replace("\r\x1b[K", "").removesuffix("\x1b[J").splitlines()
    assert lines == ["a line th", "b"]


def test_a_pipe_gets_a_text_only_when_it_has_changed():
    stream = io.StringIO()
    view = GrowingView(stream)
    for text, note in (("one", "1"), ("one", "2"), ("two", "3")):
        view.paint("", text, note)
    assert stream.getvalue() == "one\n1\n\ntwo\n3\n\n"
