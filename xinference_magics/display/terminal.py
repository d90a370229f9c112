"""A turn in a terminal: text as it arrives, and one line about it at the end."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

from xinference_magics.display.settled import summary
from xinference_magics.display.steps import call_line
from xinference_magics.display.stream import STEPS, View, segments
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.turn import Turn

_DIM, _PLAIN, _ERASE_LINE = "\x1b[2m", "\x1b[0m", "\r\x1b[K"

_WAIT_SHOWN_AFTER = 1.0
"""Seconds of silence after which a terminal says that it waits."""


class TerminalView(View):
    """Prints a turn as it arrives.

    Args:
        stream: Where to; `sys.stdout` at the time of opening if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._styled = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._seen = 0
        self._kind = ""
        self._at_line_start = True
        self._waited = 0

    def open(self, live: LiveTurn) -> None:
        """Print nothing yet: most answers begin at once."""

    def repaint(self, live: LiveTurn) -> None:
        """Print what is new, or how long it has been waited for."""
        end = len(live.deltas)
        news = segments(live.deltas[self._seen : end])
        self._seen = end
        for kind, text in news:
            self._begin(kind)
            self._write(neutralise(_step(kind, text) if kind in STEPS else text))
        if not end:
            self._wait(live)
        if news:
            self._stream.flush()

    def close(self, turn: Turn) -> None:
        """End with a line on tokens, rate, seconds and how the turn ended."""
        self.end()
        self._dimmed(neutralise(summary(turn)) + "\n")
        self._stream.flush()

    def end(self) -> None:
        """End what was printed so far with its line."""
        self._end_wait()
        self._style(_PLAIN)
        self._fresh_line()

    def dismiss(self) -> None:
        """Erase the note that something was waited for."""
        self._end_wait()
        self._stream.flush()

    def _begin(self, kind: str) -> None:
        if kind == self._kind and kind not in STEPS:
            return
        self._end_wait()
        before, self._kind = self._kind, kind
        if before:
            self._style(_PLAIN)
            self._fresh_line()
            self._write("\n")
        if kind == "reasoning":
            self._style(_DIM)
            self._write("Thinking: ")

    def _wait(self, live: LiveTurn) -> None:
        seconds = int(live.seconds)
        if self._styled and seconds > self._waited and seconds >= _WAIT_SHOWN_AFTER:
            self._waited = seconds
            note = f"waiting for {neutralise(live.title)}: {seconds} s"
            self._stream.write(f"{_ERASE_LINE}{_DIM}{note}{_PLAIN}")
            self._stream.flush()

    def _end_wait(self) -> None:
        if self._waited:
            self._stream.write(_ERASE_LINE)
            self._waited = 0

    def _fresh_line(self) -> None:
        if not self._at_line_start:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._stream.write(text)
            self._at_line_start = text.endswith("\n")

    def _style(self, code: str) -> None:
        if self._styled:
            self._stream.write(code)

    def _dimmed(self, text: str) -> None:
        self._style(_DIM)
        self._write(text)
        self._style(_PLAIN)


def _step(kind: str, text: str) -> str:
    """Write a call as code, a result as it is."""
    step = json.loads(text)
    if kind == "call":
        return f"→ {call_line(step['name'], step['args'])}"
    mark = "✗" if step["status"] == "error" else "←"
    return f"{mark} {step['text']} ({step['seconds']:.1f} s)"
