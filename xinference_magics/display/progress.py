"""How a model's launch goes: a bar in a notebook, lines in a terminal."""

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
"""The stage in which the user's wish to cancel is being fulfilled."""


@dataclass(frozen=True)
class Part:
    """What has a line of its own below the whole, such as one of several replicas.

    Args:
        name: Of the part.
        stage: What is being done.
        fraction: From 0 to 1; None where it cannot be told.
        note: More on it.
    """

    name: str
    stage: str
    fraction: float | None = None
    note: str = ""

    @property
    def words(self) -> str:
        """What is shown after its name."""
        return words(self.stage, self.fraction, self.note)


class LaunchView(ABC):
    """Shows the stages of something that takes a while."""

    @property
    def cancel_requested(self) -> bool:
        """Whether the user wants it to end; only a page with somebody before it can tell."""
        return False

    @abstractmethod
    def open(self, title: str) -> None:
        """Show what begins."""

    @abstractmethod
    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Show how far it is.

        Args:
            stage: What is being done.
            fraction: From 0 to 1; None where it cannot be told.
            note: More on it, such as the replicas that are ready.
            parts: What has lines of its own.
        """

    @abstractmethod
    def close(self, outcome: str, ok: bool) -> None:
        """Show how it ended, and whether that is what was wanted."""


def choose_launch_view(*, cancellable: bool = True) -> LaunchView:
    """Choose the view that suits the front end: a page, with a button or not, or lines of text.

    Args:
        cancellable: Whether what is shown can be cancelled; without it there is no button.
    """
    from IPython.core.getipython import get_ipython

    from xinference_magics.display.stream import front_end, kernel_of

    shell = get_ipython()
    kernel = kernel_of(shell)
    if shell is None or kernel is None:
        return TerminalLaunchView()
    if not cancellable or front_end(shell) != "page":
        return PageLaunchView()
    from xinference_magics.display.launch_widget import WidgetLaunchView

    return WidgetLaunchView(kernel)


def words(stage: str, fraction: float | None, note: str) -> str:
    """Say in one line how far something is."""
    percent = "" if fraction is None else f"{fraction:.0%}"
    return " · ".join(filter(None, [stage.replace("_", " "), percent, note]))


def downloads_text(downloads: Sequence[Download]) -> str:
    """Say what is on its way, how much of it is there, how fast: ``a.gguf 1.0 of 2.0 GiB``."""
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
    """Prints a line for each stage, and one that is rewritten where the stream is a terminal.

    Args:
        stream: Where to; `sys.stdout` at the time of opening if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._line = ""
        self._stage = ""
        self._title = ""
        self._started = time.monotonic()

    def open(self, title: str) -> None:
        """Print what begins."""
        self._title = neutralise(title)
        self._started = time.monotonic()
        self._print(f"{self._title} ...\n")

    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Print a new stage; rewrite its line as it goes on."""
        seconds = f"{time.monotonic() - self._started:.0f} s"
        said = [words(stage, fraction, note), *map(_shortly, parts), seconds]
        line = " ".join(neutralise(f"  {' · '.join(filter(None, said))}").split("\n"))
        if self._stream.isatty():
            line = line[: shutil.get_terminal_size().columns - 1]  # of two, one could be erased
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
    """Shows a bar that is plain HTML, so that the saved notebook keeps its end."""

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
        """Move the bar; at most ten times a second."""
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
    """Draw a bar; where nothing is counted there is none."""
    if fraction is None:
        return ""
    width = round(100 * min(max(fraction, 0.0), 1.0))
    track = "height:4px;border-radius:2px;background-color:rgba(128,128,128,0.25);max-width:480px"
    fill = f"height:4px;border-radius:2px;background-color:#3a7bd5;width:{width}%"
    return f'<div style="{track}"><div style="{fill}"></div></div>'
