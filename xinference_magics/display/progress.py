"""Show the progress of a model's launch: a bar in a notebook, lines in a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TextIO

from xinference_magics.display.amounts import counted, duration, size, used
from xinference_magics.display.code import coloured, palette
from xinference_magics.display.frame import fold, framed, quiet
from xinference_magics.display.output import Output
from xinference_magics.plain import neutralise, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.cluster.launching.progress import Download

_REPAINT_SECONDS = 0.1
_WHOLE_SECONDS = 10  # from which tenths of seconds are of no interest

CANCELLING = "cancelling"
"""The stage shown while a launch is being cancelled."""


@dataclass(frozen=True)
class Part:
    """A part with a line of its own below the whole, such as one of several replicas.

    Args:
        name: The part's name.
        stage: What is being done.
        fraction: Progress from 0 to 1; None if unknown.
        note: Further detail.
    """

    name: str
    stage: str
    fraction: float | None = None
    note: str = ""

    @property
    def words(self) -> str:
        """The text shown after its name."""
        return words(self.stage, self.fraction, self.note)


class LaunchView(ABC):
    """Shows the stages of an operation that takes a while."""

    @property
    def cancel_requested(self) -> bool:
        """Whether the user wants it to end; only a page that somebody is watching can report it."""
        return False

    @abstractmethod
    def open(self, title: str, notes: Sequence[str] = ()) -> None:
        """Show what is starting, and notes on it."""

    @abstractmethod
    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Show the progress.

        Args:
            stage: What is being done.
            fraction: Progress from 0 to 1; None if unknown.
            note: Further detail, such as the replicas that are ready.
            parts: The parts that get lines of their own.
        """

    @abstractmethod
    def close(self, outcome: str, ok: bool) -> None:
        """Show how it ended, and whether it succeeded."""

    @abstractmethod
    def ready(self, uid: str, facts: Sequence[str], details: Sequence[str]) -> None:
        """Show in one line that a model is ready; if this view was never opened, that it was.

        Args:
            uid: The model's UID.
            facts: What it is and what uses it.
            details: Further lines, which a page shows in a fold.
        """


def words(stage: str, fraction: float | None, note: str) -> str:
    """Describe progress in one line."""
    percent = "" if fraction is None else f"{fraction:.0%}"
    return " · ".join(filter(None, [stage.replace("_", " "), percent, note]))


def downloads_text(downloads: Sequence[Download]) -> str:
    """Describe downloads, their progress and their speed: ``a.gguf 1.0 of 2.0 GiB``."""
    active = [each for each in downloads if each.total is None or each.done < each.total]
    if not downloads:
        return ""
    first = active[0] if active else downloads[-1]
    text = f"{first.name} {used(first.done, first.total)}"
    if speed := sum(each.speed or 0 for each in downloads):
        text += f", {size(speed)}/s"
    more = len(active) - 1
    return f"{text}, {counted(more, 'more file')}" if more > 0 else text


class TerminalLaunchView(LaunchView):
    """Prints a line for each stage, or one line that it rewrites if the stream is a terminal.

    Args:
        stream: Where to print; `sys.stdout` at the time of construction if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._line = ""
        self._stage = ""
        self._title = ""
        self._notes: Sequence[str] = ()
        self._started: float | None = None

    def open(self, title: str, notes: Sequence[str] = ()) -> None:
        """Print what is starting, and notes on it."""
        self._title, self._notes = neutralise(title), notes
        self._started = time.monotonic()
        self._print(
            "".join(f"{line}\n" for line in [*map(neutralise, notes), f"{self._title} ..."])
        )

    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Print each new stage, or in a terminal rewrite the line."""
        seconds = f"{seconds_since(self._started):.0f} s"
        said = [words(stage, fraction, note), *map(_shortly, parts), seconds]
        line = " ".join(neutralise(f"  {' · '.join(filter(None, said))}").split("\n"))
        if self._stream.isatty():
            line = line[: shutil.get_terminal_size().columns - 1]  # a wrapped line can't be erased
            if line != self._line:
                self._print(f"\r\x1b[K{line}")
        elif stage != self._stage:
            self._print(line + "\n")
        self._line, self._stage = line, stage

    def close(self, outcome: str, ok: bool) -> None:
        """Print how it ended."""
        took = f" ({seconds_since(self._started):.1f} s)"
        self._end(f"{'✓' if ok else '✗'} {self._title}: {neutralise(outcome)}{took}")

    def ready(self, uid: str, facts: Sequence[str], details: Sequence[str]) -> None:
        """Print what is ready, and those details that `open` has not printed."""
        self._end(f"✓ {neutralise(_ready(uid, facts, self._started))}")
        for line in details:
            if line not in self._notes:
                self._print(f"{neutralise(line)}\n")

    def _end(self, line: str) -> None:
        erase = "\r\x1b[K" if self._started is not None and self._stream.isatty() else ""
        self._print(f"{erase}{line}\n")

    def _print(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _shortly(part: Part) -> str:
    return f"{part.name}: {words(part.stage, part.fraction, '')}"


def seconds_since(started: float | None) -> float:
    """Return the seconds since a time of the monotonic clock, or 0."""
    return 0.0 if started is None else time.monotonic() - started


def _ready(uid: str, facts: Sequence[str], started: float | None) -> str:
    seconds = seconds_since(started)
    took = f"{seconds:.1f} s" if seconds < _WHOLE_SECONDS else duration(seconds)
    state = "is already running" if started is None else f"ready in {took}"
    return " - ".join([f"{uid} {state}", *facts])


class PageLaunchView(LaunchView):
    """Shows a bar in plain HTML, so that the saved notebook keeps the final state."""

    def __init__(self) -> None:
        self._output = Output()
        self._title = ""
        self._notes: Sequence[str] = ()
        self._started: float | None = None
        self._painted = time.monotonic()
        self._shown: tuple[object, ...] = ()

    def open(self, title: str, notes: Sequence[str] = ()) -> None:
        """Show an empty bar."""
        self._title, self._notes = printable(title), [printable(note) for note in notes]
        self._started = time.monotonic()
        self._output.show(self._bundle("", None, ()))

    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        shown = (stage, fraction, note, int(seconds_since(self._started)), *parts)
        if shown != self._shown and now - self._painted >= _REPAINT_SECONDS:
            self._shown, self._painted = shown, now
            self._paint(words(stage, fraction, note), fraction, parts)

    def close(self, outcome: str, ok: bool) -> None:
        """Leave one line: what was done, how it ended and how long it took."""
        line = f"{self._title}: {printable(outcome)} ({seconds_since(self._started):.1f} s)"
        self._end(line, escape(line), self._notes, ok=ok)

    def ready(self, uid: str, facts: Sequence[str], details: Sequence[str]) -> None:
        """Leave one line, and the details in a fold."""
        line = printable(_ready(uid, facts, self._started))
        name = escape(printable(uid))
        html = f"<strong>{name}</strong>{escape(line).removeprefix(name)}"
        self._end(line, html, [printable(each) for each in details], ok=True)

    def _end(self, line: str, html: str, details: Sequence[str], *, ok: bool) -> None:
        mark, colour = ("✓", "number") if ok else ("✗", "string")
        html = f'<strong style="{palette(colour)}">{coloured(mark, colour)}</strong> {html}'
        folded = fold(html, "".join(map(quiet, details)), _LINE)
        text = "\n".join([f"{mark} {line}", *details])
        publish = self._output.show if self._started is None else self._output.replace
        publish(
            {
                "text/html": framed(folded if details else f'<div style="{_LINE}">{html}</div>'),
                "text/plain": neutralise(text),
            }
        )

    def _paint(self, line: str, fraction: float | None, parts: Sequence[Part]) -> None:
        self._output.replace(self._bundle(line, fraction, parts))

    def _bundle(self, line: str, fraction: float | None, parts: Sequence[Part]) -> dict[str, Any]:
        seconds = f"{seconds_since(self._started):.0f} s"
        line = " · ".join([printable(line), seconds] if line else [seconds])
        lines = [(printable(part.name), printable(part.words)) for part in parts]
        html = framed(
            f'<div style="{_LINE}"><strong>{escape(self._title)}</strong>'
            f' <span style="opacity:0.75">{escape(line)}</span></div>{_bar(fraction)}'
            + "".join(quiet(f"{n} · {w}") for n, w in lines)
            + "".join(map(quiet, self._notes))
        )
        parted = [f"  {name}: {words}" for name, words in lines]
        text = "\n".join([f"{self._title}: {line}", *parted, *self._notes])
        return {"text/html": html, "text/plain": neutralise(text)}


_LINE = "font-size:13px;line-height:24px"


def _bar(fraction: float | None) -> str:
    """Draw a bar, or nothing if the fraction is unknown."""
    if fraction is None:
        return ""
    width = round(100 * min(max(fraction, 0.0), 1.0))
    track = "height:4px;border-radius:2px;background-color:rgba(128,128,128,0.25);max-width:480px"
    fill = f"height:4px;border-radius:2px;background-color:#3a7bd5;width:{width}%"
    return f'<div style="{track}"><div style="{fill}"></div></div>'
