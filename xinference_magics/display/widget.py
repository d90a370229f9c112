"""Widgets for running turns and launches. Importing this imports ipywidgets.

A widget stays open after its end until a page says that it has the settled output. A page that was
reloaded meanwhile finds it among the kernel's widgets, with the settled output in its state, and
puts that into the notebook (`static/place.js`).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anywidget
import traitlets

from xinference_magics import interrupts
from xinference_magics.display import unconfirmed
from xinference_magics.display.inbox import Inbox
from xinference_magics.display.output import cell_of
from xinference_magics.display.progress import CANCELLING, PageLaunchView, seconds_since
from xinference_magics.plain import neutralise, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.display.output import Output
    from xinference_magics.display.progress import Part

_PULLED = frozenset({"late", "settled"})
"""Traits that only a page that asks for the whole state gets, such as one that was reloaded."""


def _static(*names: str) -> str:
    folder = Path(__file__).parent / "static"
    return "".join((folder / name).read_text("utf-8") for name in names)


class _Widget(anywidget.AnyWidget):
    """A widget shown until plain output replaces it.

    Args:
        kernel: The kernel that is running its cell; None if there is none.
        traits: Its other traits.

    Attributes:
        is_answer: Whether it shows answers.
        key: Its model ID, which the notebook's output names.
        cell: The ID of the cell that shows it; empty if the frontend sends none.
        late: Whether the page has loaded it after it was shown.
        settled: The MIME bundle that replaces it, once it has ended.
    """

    is_answer = False
    key = traitlets.Unicode().tag(sync=True)
    cell = traitlets.Unicode().tag(sync=True)
    late = traitlets.Bool().tag(sync=True)
    settled = traitlets.Dict().tag(sync=True)

    def __init__(self, kernel: Any = None, **traits: Any) -> None:
        key = uuid4().hex
        super().__init__(model_id=key, key=key, cell=cell_of(kernel), **traits)
        self.late = True
        self.inbox = Inbox(self, kernel)

    def bundle(self, text: str) -> dict[str, Any]:
        """Describe it as an output; `text` is shown where widgets are not supported."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}

    def settle(self, output: Output, bundle: dict[str, Any], title: str) -> None:
        """Replace it with a MIME bundle, and close it once a page has that.

        Args:
            output: Where it is shown.
            bundle: What replaces it.
            title: What it showed, to tell the user about it if no page confirms.
        """
        if not self.inbox.heard:  # no page knows how to show it: nobody will come back for it
            self._end(output, bundle)
            self.close()
            return
        self.settled = bundle
        self.inbox.when = {"settled": lambda: self.send_state("settled"), "kept": self.close}
        unconfirmed.add(
            self.key, unconfirmed.Ended(self.cell, title, self.is_answer, self.inbox, self.close)
        )
        self._end(output, bundle)

    def _end(self, output: Output, bundle: dict[str, Any]) -> None:
        self.send({"ended": True})
        output.replace(bundle)

    def close(self) -> None:
        """Close it and all its comms: every ipywidget has a layout with a comm of its own."""
        unconfirmed.forget(self.key)
        layout = self.layout
        super().close()
        layout.close()

    def _should_send_property(self, key: str, value: Any) -> bool:
        """Keep what is pulled from being pushed, as ipywidgets does with what the page sent."""
        return key not in _PULLED and bool(super()._should_send_property(key, value))


class ChatWidget(_Widget):
    """Shows running turns in the page, one or several side by side; text arrives in messages.

    Attributes:
        titles: Who is answering, one for each turn.
        background: Whether other cells run meanwhile, which an interrupt would hit.
    """

    _esm = _static("kernel.js", "place.js", "buttons.js", "follow.js", "blocks.js", "chat.js")
    _css = _static("chat.css")
    is_answer = True
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    background = traitlets.Bool().tag(sync=True)


class LaunchWidget(_Widget):
    """Shows a running launch, with a Cancel button.

    Attributes:
        state: Everything that is shown; `launch.js` documents its fields.
    """

    _esm = _static("kernel.js", "place.js", "launch.js")
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
        self._widget.inbox.collect()
        return self._widget.inbox.stop.is_set()

    def open(self, title: str, notes: Sequence[str] = ()) -> None:
        """Show the title, notes, a clock and the Cancel button."""
        self._title, self._notes = printable(title), [printable(note) for note in notes]
        self._started = time.monotonic()
        self._widget = LaunchWidget(self._kernel, state=self._state("", None, ()))
        self._is_open = True
        self._output.show(self._widget.bundle(neutralise(self._title)))

    def update(
        self, stage: str, fraction: float | None, note: str = "", parts: Sequence[Part] = ()
    ) -> None:
        """Show the progress; after a cancellation that failed, offer Cancel again."""
        cancelling = stage == CANCELLING
        if cancelling:
            self._widget.inbox.stop.clear()
        self._cancel = "heard" if cancelling else "offered"
        super().update(stage, fraction, note, parts)

    def _finish(self, bundle: dict[str, Any]) -> None:
        """Replace the widget with plain output."""
        if not self._is_open:  # opening it failed
            return
        with interrupts.deferred_sigint():
            self._widget.settle(self._output, bundle, self._title)

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
