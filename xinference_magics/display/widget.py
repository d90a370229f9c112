"""Widgets for running turns and launches. Importing this imports ipywidgets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from xinference_magics import interrupts
from xinference_magics.display.inbox import Inbox
from xinference_magics.display.progress import CANCELLING, PageLaunchView, seconds_since
from xinference_magics.plain import neutralise, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.display.progress import Part


def _static(*names: str) -> str:
    folder = Path(__file__).parent / "static"
    return "".join((folder / name).read_text("utf-8") for name in names)


class _Widget(anywidget.AnyWidget):
    """A widget shown until plain output replaces it."""

    def bundle(self, text: str) -> dict[str, Any]:
        """Describe it as an output; `text` is shown where widgets are not supported."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}

    def close(self) -> None:
        """Close it and all its comms: every ipywidget has a layout with a comm of its own."""
        layout = self.layout
        super().close()
        layout.close()


class ChatWidget(_Widget):
    """Shows running turns in the page, one or several side by side; text arrives in messages.

    Attributes:
        titles: Who is answering, one for each turn.
        background: Whether other cells run meanwhile, which an interrupt would hit.
    """

    _esm = _static("kernel.js", "follow.js", "blocks.js", "chat.js")
    _css = _static("chat.css")
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    background = traitlets.Bool().tag(sync=True)


class LaunchWidget(_Widget):
    """Shows a running launch, with a Cancel button.

    Attributes:
        state: Everything that is shown; `launch.js` documents its fields.
    """

    _esm = _static("kernel.js", "launch.js")
    _css = _static("chat.css", "launch.css")
    state = traitlets.Dict().tag(sync=True)


class WidgetLaunchView(PageLaunchView):
    """Shows a launch as a widget, which plain HTML replaces when the launch ends.

    Args:
        kernel: The running kernel.
    """

    def __init__(self, kernel: Any) -> None:
        super().__init__()
        self._kernel = kernel
        self._is_open = False
        self._cancel = "offered"

    @property
    def cancel_requested(self) -> bool:
        """Whether Cancel was clicked and confirmed, if the page could reach the kernel."""
        self._inbox.collect()
        return self._inbox.stop.is_set()

    def open(self, title: str, notes: Sequence[str] = ()) -> None:
        """Show the title, notes, a clock and the Cancel button."""
        self._title, self._notes = printable(title), [printable(note) for note in notes]
        self._started = time.monotonic()
        self._widget = LaunchWidget(state=self._state("", None, ()))
        self._is_open = True
        self._inbox = Inbox(self._widget, self._kernel)
        self._output.show(self._widget.bundle(neutralise(self._title)))

    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Show the progress; after a cancellation that failed, offer Cancel again."""
        cancelling = stage == CANCELLING
        if cancelling:
            self._inbox.stop.clear()
        self._cancel = "heard" if cancelling else "offered"
        super().update(stage, fraction, note, parts)

    def _end(self, line: str, html: str, details: Sequence[str], *, ok: bool) -> None:
        """Replace the widget with one line, and close it."""
        if not self._is_open:  # opening it failed
            return
        with interrupts.deferred_sigint():
            try:
                super()._end(line, html, details, ok=ok)
            finally:
                self._widget.close()

    def _paint(self, line: str, fraction: float | None, parts: Sequence[Part]) -> None:
        self._widget.state = self._state(line, fraction, parts)

    def _state(self, line: str, fraction: float | None, parts: Sequence[Part]) -> dict[str, Any]:
        return {
            "title": self._title,
            "words": printable(line),
            "fraction": fraction,
            "parts": [
                {
                    "name": printable(part.name),
                    "words": printable(part.words),
                    "fraction": 1.0 if part.stage == "ready" else part.fraction,
                }
                for part in parts
            ],
            "notes": self._notes,
            "seconds": round(seconds_since(self._started), 1),
            "cancel": self._cancel,
        }
