"""Turns in a terminal: text as it arrives, and one line about each at the end.

Several turns are printed one after the other: the second starts when the first has ended.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from xinference_magics.chat.comparison import Comparison
from xinference_magics.display.comparison import about, summaries
from xinference_magics.display.settled import summary
from xinference_magics.display.steps import call_line, outcome
from xinference_magics.display.turn_view import STEPS, View, segments
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.display.turn_view import Answer

_DIM, _PLAIN, _ERASE_LINE = "\x1b[2m", "\x1b[0m", "\r\x1b[K"

_WAIT_SHOWN_AFTER_SECONDS = 1.0
"""Seconds of silence after which a terminal shows that it is waiting."""


class TerminalView(View):
    """Prints turns in order.

    Args:
        stream: Where to print; `sys.stdout` at the time of construction if None.
        live: Whether they are printed as they arrive, or only at the end.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool = True) -> None:
        self._stream = stream or sys.stdout
        self._live = live
        self._left: list[tuple[LiveTurn, _Printer]] = []
        self._gap = ""

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Print nothing yet: most answers begin at once."""
        several = len(lives) > 1
        self._gap = "\n" if several else ""
        heads = [f"── {neutralise(live.title)} ──\n" if several else "" for live in lives]
        printers = [_Printer(self._stream, head) for head in heads]
        self._left = list(zip(lives, printers, strict=True))

    def repaint(self, lives: Sequence[LiveTurn]) -> None:  # noqa: ARG002  # known since `open`
        """Print all of the turns that have ended, and what is new in the first running one."""
        if self._live:
            self._print()

    def close(self, answer: Answer, *, raises: bool = False) -> None:
        """Print a final line on each turn: its figures and how it ended."""
        self._print(to_the_end=True)
        if isinstance(answer, Comparison):
            self._say(*summaries(answer, raises=raises), about(answer))
        else:
            self._say(summary(answer, raises=raises))

    def update(self, comparison: Comparison) -> None:
        """Print which turn is kept."""
        self._say(about(comparison))

    def dismiss(self) -> None:
        """Erase the note about waiting."""
        for _, printer in self._left:
            printer.end_wait()
        self._stream.flush()

    def _print(self, *, to_the_end: bool = False) -> None:
        while self._left:
            live, printer = self._left[0]
            has_ended = live.ended or to_the_end  # checked first: more may arrive meanwhile
            printer.print(live)
            if not has_ended:
                break
            printer.end()
            self._stream.write(self._gap)
            del self._left[0]
        self._stream.flush()

    def _say(self, *lines: str) -> None:
        _Printer(self._stream).dimmed("".join(f"{neutralise(line)}\n" for line in lines))
        self._stream.flush()


class _Printer:
    """Prints one turn piece by piece.

    Args:
        stream: Where to print.
        head: Printed first, verbatim.
    """

    def __init__(self, stream: TextIO, head: str = "") -> None:
        self._stream = stream
        self._head = head
        self._styled = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._seen = 0
        self._kind = ""
        self._at_line_start = True
        self._waited = 0
        self._calls: dict[str, str] = {}
        self._running = ""  # the id of the call at the end of the text

    def print(self, live: LiveTurn) -> None:
        """Print what is new, or how long the wait has been."""
        head, self._head = self._head, ""
        self._stream.write(head)
        end = len(live.deltas)
        for kind, text in segments(live.deltas[self._seen : end]):
            if kind in STEPS:
                self._step(kind, json.loads(text))
                continue
            self._begin(kind)
            self._write(neutralise(text))
        self._seen = end
        if not end:
            self._wait(live)

    def end(self) -> None:
        """Erase the note about waiting, and finish the current line."""
        self.end_wait()
        self._style(_PLAIN)
        self._fresh_line()

    def end_wait(self) -> None:
        """Erase the note about waiting."""
        if self._waited:
            self._stream.write(_ERASE_LINE)
            self._waited = 0

    def dimmed(self, text: str) -> None:
        """Print a text of our own, dimmed if the stream is a terminal."""
        self._style(_DIM)
        self._write(text)
        self._style(_PLAIN)

    def _step(self, kind: str, step: dict[str, Any]) -> None:
        """Print a call, and later in the same line how it ended.

        A call that the user is asked about is part of the question, and printed afterwards.
        """
        if kind == "call":
            self._calls[step["id"]] = neutralise(call_line(step["name"], step["args"]))
            if step["asks"]:
                return
        if kind == "call" or self._running != step["id"]:
            self._begin("call")
            self._write(self._calls.get(step["id"], ""))
            self._running = step["id"]
        if kind == "result":
            ended = outcome(step["status"], step["text"], step["seconds"])
            self._write(neutralise(ended))
            self._running = ""

    def _begin(self, kind: str) -> None:
        self._running = ""
        if kind == self._kind and kind not in STEPS:
            return
        self.end_wait()
        before, self._kind = self._kind, kind
        if before:
            self._style(_PLAIN)
            self._fresh_line()
            self._write("" if before == kind else "\n")
        if kind == "reasoning":
            self._style(_DIM)
            self._write("Thinking: ")

    def _wait(self, live: LiveTurn) -> None:
        seconds = int(live.seconds)
        if self._styled and seconds > self._waited and seconds >= _WAIT_SHOWN_AFTER_SECONDS:
            self._waited = seconds
            note = f"waiting for {neutralise(live.title)}: {seconds} s"
            self._stream.write(f"{_ERASE_LINE}{_DIM}{note}{_PLAIN}")

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
