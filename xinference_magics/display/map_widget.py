"""A running map in a page: the widget of operations, with its last rows and a Stop button."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.display.inbox import Inbox
from xinference_magics.display.mapping import MapView, bundle, figures
from xinference_magics.display.output import Output
from xinference_magics.plain import neutralise, printable, shortened

if TYPE_CHECKING:
    from xinference_magics.data.progress import Progress
    from xinference_magics.data.run import MapRun

_REPAINT_SECONDS = 0.25
_CHARS = 80
"""Characters of a prompt and of an answer among the last rows."""
_BUTTON = {"label": "Stop", "over": "Stopping", "title": "Stop; every answer is kept"}


class WidgetMapView(MapView):
    """Shows a run as a widget, which a table replaces when it has ended.

    Args:
        kernel: The running kernel.
        background: Whether other cells run meanwhile.
    """

    in_page = True

    def __init__(self, kernel: Any, *, background: bool = False) -> None:
        from xinference_magics.display.background import EarlierOutput

        self._kernel = kernel
        self._output = EarlierOutput(kernel) if background else Output()
        self._title = ""
        self._painted = 0.0
        self._heard = False
        self._is_open = False

    def poll(self) -> bool:
        """Return whether Stop was clicked."""
        self._inbox.collect()
        self._heard = self._inbox.stop.is_set()
        return self._heard

    def open(self, title: str, progress: Progress) -> None:
        """Show the title, an empty bar and the Stop button."""
        from xinference_magics.display.widget import LaunchWidget

        self._title = printable(title)
        self._widget = LaunchWidget(state=self._state(progress))
        self._is_open = True
        self._inbox = Inbox(self._widget, self._kernel)
        self._output.show(self._widget.bundle(neutralise(self._title)))

    def update(self, progress: Progress) -> None:
        """Move the bar and show the last rows, a few times a second."""
        now = time.monotonic()
        if now - self._painted >= _REPAINT_SECONDS:
            self._painted = now
            self._widget.state = self._state(progress)

    def close(self, run: MapRun) -> None:
        """Replace the widget with the table."""
        if not self._is_open:
            return
        with interrupts.deferred_sigint():
            try:
                self._output.replace(bundle(run))
            finally:
                self._widget.close()

    def _state(self, progress: Progress) -> dict[str, Any]:
        total = progress.total
        return {
            "title": self._title,
            "words": printable(figures(progress)),
            "fraction": progress.done / total if total else None,
            "parts": [],
            "rows": [
                [str(number), _short(asked), _short(said)]
                for number, asked, said in list(progress.last)
            ],
            "seconds": round(progress.seconds, 1),
            "cancel": "heard" if self._heard else "offered",
            "button": _BUTTON,
            "gone": "what was answered is stored",
        }


def _short(text: str) -> str:
    return shortened(" ".join(printable(text).split()), _CHARS)
