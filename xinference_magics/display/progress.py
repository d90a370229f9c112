"""How a model's launch goes: a bar in a notebook, lines in a terminal."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from html import escape
from typing import TextIO
from uuid import uuid4

from xinference_magics.display.plain import neutralise, printable

_REPAINT_SECONDS = 0.1


class LaunchView(ABC):
    """Shows the stages of something that takes a while."""

    @abstractmethod
    def open(self, title: str) -> None:
        """Show what begins."""

    @abstractmethod
    def update(self, stage: str, fraction: float | None, note: str = "") -> None:
        """Show how far it is.

        Args:
            stage: What is being done.
            fraction: From 0 to 1; None where it cannot be told.
            note: More on it, such as the replicas that are ready.
        """

    @abstractmethod
    def close(self, outcome: str, ok: bool) -> None:
        """Show how it ended, and whether that is what was wanted."""


def choose_launch_view() -> LaunchView:
    """Choose the view that suits the front end: a kernel's page, or lines of text."""
    from IPython.core.getipython import get_ipython

    has_page = getattr(get_ipython(), "kernel", None) is not None
    return NotebookLaunchView() if has_page else TerminalLaunchView()


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

    def update(self, stage: str, fraction: float | None, note: str = "") -> None:
        """Print a new stage; rewrite its line as it goes on."""
        percent = "" if fraction is None else f"{fraction:.0%}"
        parts = (
            stage.replace("_", " "),
            percent,
            note,
            f"{time.monotonic() - self._started:.0f} s",
        )
        line = neutralise("  " + "  ".join(part for part in parts if part)).replace("\n", " ")
        if self._stream.isatty():
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


class NotebookLaunchView(LaunchView):
    """Shows a bar that is plain HTML, so that the saved notebook keeps its end."""

    def __init__(self) -> None:
        self._display_id = uuid4().hex
        self._title = ""
        self._started = self._painted = time.monotonic()
        self._shown = ("", 0, "")

    def open(self, title: str) -> None:
        """Show an empty bar."""
        from IPython.display import display

        self._title = printable(title)
        self._started = time.monotonic()
        bundle = self._bundle("", None, "")
        display(bundle, raw=True, display_id=self._display_id)  # type: ignore[no-untyped-call]

    def update(self, stage: str, fraction: float | None, note: str = "") -> None:
        """Move the bar; at most ten times a second."""
        now = time.monotonic()
        seconds = int(now - self._started)
        shown = (f"{stage} {fraction}", seconds, note)
        if shown != self._shown and now - self._painted >= _REPAINT_SECONDS:
            self._shown, self._painted = shown, now
            self._publish(self._bundle(stage, fraction, note))

    def close(self, outcome: str, ok: bool) -> None:
        """Leave one line: what was done, how it ended and how long it took."""
        seconds = time.monotonic() - self._started
        mark, colour = ("✓", "#2e8b57") if ok else ("✗", "#d14949")
        text = f"{self._title}: {printable(outcome)} ({seconds:.1f} s)"
        html = (
            f'<div style="font-size:13px;line-height:24px">'
            f'<span style="color:{colour};font-weight:bold">{mark}</span> {escape(text)}</div>'
        )
        self._publish({"text/html": html, "text/plain": neutralise(f"{mark} {text}")})

    def _publish(self, bundle: dict[str, str]) -> None:
        from IPython.display import update_display

        update_display(bundle, raw=True, display_id=self._display_id)  # type: ignore[no-untyped-call]

    def _bundle(self, stage: str, fraction: float | None, note: str) -> dict[str, str]:
        seconds = f"{time.monotonic() - self._started:.0f} s"
        percent = "" if fraction is None else f"{fraction:.0%}"
        words = [printable(word) for word in (stage.replace("_", " "), percent, note) if word]
        line = " · ".join([*words, seconds])
        html = (
            f'<div style="font-size:13px;line-height:24px"><strong>{escape(self._title)}</strong>'
            f' <span style="opacity:0.75">{escape(line)}</span></div>{_bar(fraction)}'
        )
        return {"text/html": html, "text/plain": neutralise(f"{self._title}: {line}")}


def _bar(fraction: float | None) -> str:
    """Draw a bar; one that cannot be measured is empty."""
    width = 0 if fraction is None else round(100 * min(max(fraction, 0.0), 1.0))
    track = "height:4px;border-radius:2px;background-color:rgba(128,128,128,0.25);max-width:480px"
    fill = f"height:4px;border-radius:2px;background-color:#3a7bd5;width:{width}%"
    return f'<div style="{track}"><div style="{fill}"></div></div>'
