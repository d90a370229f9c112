"""Show the progress of a model's launch: a bar in a notebook, lines in a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TextIO

from xinference_magics.display.amounts import counted, size, used
from xinference_magics.display.markdown import IGNORED_BY_MATHJAX
from xinference_magics.display.output import Output
from xinference_magics.plain import neutralise, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.cluster.launching.progress import Download

_REPAINT_SECONDS = 0.1

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
    def open(self, title: str) -> None:
        """Show what is starting."""

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
        self._started = time.monotonic()

    def open(self, title: str) -> None:
        """Print what is starting."""
        self._title = neutralise(title)
        self._started = time.monotonic()
        self._print(f"{self._title} ...\n")

    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Print each new stage, or in a terminal rewrite the line."""
        seconds = f"{time.monotonic() - self._started:.0f} s"
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
        seconds = time.monotonic() - self._started
        erase = "\r\x1b[K" if self._stream.isatty() else ""
        mark = "✓" if ok else "✗"
        self._print(f"{erase}{mark} {self._title}: {neutralise(outcome)} ({seconds:.1f} s)\n")

    def _print(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _shortly(part: Part) -> str:
    return f"{part.name}: {words(part.stage, part.fraction, '')}"


class PageLaunchView(LaunchView):
    """Shows a bar in plain HTML, so that the saved notebook keeps the final state."""

    def __init__(self) -> None:
        self._output = Output()
        self._title = ""
        self._started = self._painted = time.monotonic()
        self._shown: tuple[object, ...] = ()

    def open(self, title: str) -> None:
        """Show an empty bar."""
        self._title = printable(title)
        self._started = time.monotonic()
        self._output.show(self._bundle("", None, ()))

    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        shown = (stage, fraction, note, int(now - self._started), *parts)
        if shown != self._shown and now - self._painted >= _REPAINT_SECONDS:
            self._shown, self._painted = shown, now
            self._paint(words(stage, fraction, note), fraction, parts)

    def close(self, outcome: str, ok: bool) -> None:
        """Leave one line: what was done, how it ended and how long it took."""
        self._output.replace(self._ended(outcome, ok))

    def _ended(self, outcome: str, ok: bool) -> dict[str, Any]:
        seconds = time.monotonic() - self._started
        mark, colour = ("✓", "#2e8b57") if ok else ("✗", "#d14949")
        text = f"{self._title}: {printable(outcome)} ({seconds:.1f} s)"
        html = (
            f'<div class="{IGNORED_BY_MATHJAX}" style="{_LINE}">'
            f'<span style="color:{colour};font-weight:bold">{mark}</span> {escape(text)}</div>'
        )
        return {"text/html": html, "text/plain": neutralise(f"{mark} {text}")}

    def _paint(self, line: str, fraction: float | None, parts: Sequence[Part]) -> None:
        self._output.replace(self._bundle(line, fraction, parts))

    def _bundle(self, line: str, fraction: float | None, parts: Sequence[Part]) -> dict[str, Any]:
        seconds = f"{time.monotonic() - self._started:.0f} s"
        line = " · ".join([printable(line), seconds] if line else [seconds])
        lines = [(printable(part.name), printable(part.words)) for part in parts]
        html = (
            f'<div class="{IGNORED_BY_MATHJAX}">'
            f'<div style="{_LINE}"><strong>{escape(self._title)}</strong>'
            f' <span style="opacity:0.75">{escape(line)}</span></div>{_bar(fraction)}'
            + "".join(f'<div style="{_PART}">{escape(n)} · {escape(w)}</div>' for n, w in lines)
            + "</div>"
        )
        text = "\n".join([f"{self._title}: {line}", *(f"  {n}: {w}" for n, w in lines)])
        return {"text/html": html, "text/plain": neutralise(text)}


_LINE = "font-size:13px;line-height:24px"
_PART = "font-size:12px;line-height:20px;opacity:0.75"


def _bar(fraction: float | None) -> str:
    """Draw a bar, or nothing if the fraction is unknown."""
    if fraction is None:
        return ""
    width = round(100 * min(max(fraction, 0.0), 1.0))
    track = "height:4px;border-radius:2px;background-color:rgba(128,128,128,0.25);max-width:480px"
    fill = f"height:4px;border-radius:2px;background-color:#3a7bd5;width:{width}%"
    return f'<div style="{track}"><div style="{fill}"></div></div>'
