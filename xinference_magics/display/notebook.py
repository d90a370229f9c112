"""A turn in a notebook page: a widget while it runs, plain output when it has ended.

The widget gets numbered frames, each holding only what is new. A page that misses one, or comes
late, asks for everything so far.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xinference_magics.display.inbox import Inbox
from xinference_magics.display.plain import neutralise, printable
from xinference_magics.display.stream import View, segments

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.turn import Turn

_PAUSE = 1.0
"""Seconds without news after which the page is told the last frame's number, once."""

_WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class NotebookView(View):
    """Streams a turn into a widget of the page that runs the cell.

    Args:
        kernel: The running kernel.
    """

    _in_background = False

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._display_id = uuid4().hex
        self._number = 0
        self._seen = 0
        self._last_sent = 0.0
        self._paused = False
        self._whole_sent = 0
        self._acknowledged = False

    @property
    def stop_requested(self) -> bool:
        """Whether Stop was clicked, as far as the page could tell the kernel."""
        self._inbox.collect()
        return self._inbox.stop.is_set()

    def open(self, live: LiveTurn) -> None:
        """Show the model's name, a clock and the Stop button."""
        from IPython.display import display

        from xinference_magics.display.widget import ChatWidget

        self._widget = ChatWidget(title=printable(live.title), background=self._in_background)
        self._inbox = Inbox(self._widget, self._kernel)
        self._last_sent = time.monotonic()
        view = {"version_major": 2, "version_minor": 0, "model_id": self._widget.model_id}
        bundle = {_WIDGET_MIME: view, "text/plain": f"{neutralise(live.title)} is answering"}
        display(bundle, raw=True, display_id=self._display_id)  # type: ignore[no-untyped-call]

    def repaint(self, live: LiveTurn) -> None:
        """Send the page what is new, or everything where it asked for that."""
        self._inbox.collect()
        if self._inbox.stop.is_set() and not self._acknowledged:
            self._acknowledged = True
            self._widget.send({"stopping": True})
        if self._inbox.wants_everything() or self._is_unheard(live):
            self._send_everything(live)
        else:
            self._send_news(live)

    def close(self, turn: Turn) -> None:
        """Replace the widget by the settled turn and close it, with all its comms."""
        from xinference_magics.display.settled import bundle

        self._replace(lambda: bundle(turn))

    def dismiss(self) -> None:
        """Replace the widget by nothing and close it."""
        self._replace(lambda: {"text/plain": ""})

    def _replace(self, settled: Callable[[], dict[str, Any]]) -> None:
        self._widget.send({"ended": True})
        try:
            self._update(settled())
        finally:
            layout = self._widget.layout
            self._widget.close()
            layout.close()

    def _update(self, bundle: dict[str, Any]) -> None:
        """Publish an output in place of the widget."""
        from IPython.display import update_display

        update_display(bundle, raw=True, display_id=self._display_id)  # type: ignore[no-untyped-call]

    def _is_unheard(self, live: LiveTurn) -> bool:
        """Whether to send everything to a page that cannot ask for it.

        Each time when the number of pieces has doubled, so that the sum stays linear.
        """
        return (
            not self._inbox.heard
            and live.seconds > _PAUSE
            and len(live.deltas) > 2 * self._whole_sent
        )

    def _send_everything(self, live: LiveTurn) -> None:
        self._seen = self._whole_sent = len(live.deltas)
        self._send(live, "all", segments(live.deltas[: self._seen]))

    def _send_news(self, live: LiveTurn) -> None:
        start, self._seen = self._seen, len(live.deltas)
        if self._seen > start:
            self._send(live, "add", segments(live.deltas[start : self._seen]))
        elif not self._paused and time.monotonic() - self._last_sent > _PAUSE:
            self._paused = True
            self._widget.send({"n": self._number})

    def _send(self, live: LiveTurn, how: str, news: list[tuple[str, str]]) -> None:
        self._number += 1
        self._last_sent, self._paused = time.monotonic(), False
        self._widget.send(
            {
                "n": self._number,
                how: [(kind, printable(text)) for kind, text in news],
                "tokens": live.tokens,
                "first": _rounded(live.first_token_seconds),
                "now": _rounded(live.seconds),
            }
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
