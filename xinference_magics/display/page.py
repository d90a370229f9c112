"""Running turns in a notebook page: a widget, replaced by plain output when they have ended.

The widget receives numbered frames for each turn, each containing only what is new: text, and the
HTML of Markdown blocks that are complete, as the settled output will show them. A page that misses
a frame, or opens late, asks for everything so far.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

from xinference_magics.display.growing import Change, GrowingMarkdown
from xinference_magics.display.inbox import Inbox
from xinference_magics.display.steps import MARKS, call_line, outcome
from xinference_magics.display.turn_view import STEPS, SettledView, segments, settled_form
from xinference_magics.plain import neutralise, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.display.turn_view import Answer

    Piece: TypeAlias = tuple[str, str | dict[str, Any]]
    """A kind of delta with its text, a change to the blocks of that text, or a step of a tool."""

_PAUSE_SECONDS = 1.0
"""Seconds without news after which the page is sent the last frame's number, once."""

_LONG, _LONG_FRAME = 1_000, 1 / 15
"""Deltas after which an answer is long, and seconds between the frames of a long one: each frame
makes the page lay out its text, and nobody reads that fast."""


class PageView(SettledView):
    """Streams turns into a widget of the page that runs the cell.

    Args:
        kernel: The running kernel.

    Attributes:
        background: Whether other cells run meanwhile.
    """

    background = False

    def __init__(self, kernel: Any) -> None:
        super().__init__()
        self._kernel = kernel
        self._is_open = False
        self._acknowledged = False

    def poll(self) -> bool:
        """Process the page's messages; return whether Stop was clicked."""
        self._inbox.collect()
        return self._inbox.stop.is_set()

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show who is answering, a clock for each, and the Stop button."""
        from xinference_magics.display.widget import ChatWidget

        titles = [live.title for live in lives]
        self._widget = ChatWidget(
            titles=[printable(title) for title in titles], background=self.background
        )
        self._is_open = True
        self._inbox = Inbox(self._widget, self._kernel)
        tells = self.background or len(lives) > 1  # otherwise the cell raises the error
        self._feeds = [
            _Feed(self._widget.send, column, tells_errors=tells) for column in range(len(lives))
        ]
        who = f"{', '.join(map(neutralise, titles))} {'is' if len(titles) == 1 else 'are'}"
        self.output.show(self._widget.bundle(f"{who} answering"))

    def repaint(self, lives: Sequence[LiveTurn]) -> None:
        """Send the page what is new, or everything if it needs that."""
        self._inbox.collect()
        if self._inbox.stop.is_set() and not self._acknowledged:
            self._acknowledged = True
            self._widget.send({"stopping": True})
        everything, heard = self._inbox.wants_everything(), self._inbox.heard
        for feed, live in zip(self._feeds, lives, strict=True):
            if everything or (not heard and feed.is_due(live)):
                feed.send_everything(live)
            else:
                feed.send_news(live)

    def close(self, answer: Answer, *, raises: bool = False) -> None:
        """Replace the widget with the settled form."""
        self._replace(lambda: settled_form(answer, raises=raises))

    def dismiss(self) -> None:
        """Replace the widget with nothing."""
        self._replace(lambda: {"text/plain": ""})

    def _replace(self, bundle: Callable[[], dict[str, Any]]) -> None:
        if not self._is_open:  # opening it failed
            return
        self._widget.send({"ended": True})
        try:
            self.output.replace(bundle())
        finally:
            self._widget.close()


class _Feed:
    """Sends the page what is new in one turn.

    Args:
        send: Sends one message.
        column: The number of the turn in the page, from 0.
        tells_errors: Whether to say what failed.
    """

    def __init__(
        self, send: Callable[[dict[str, Any]], None], column: int, *, tells_errors: bool
    ) -> None:
        self._send_message = send
        self._tells_errors = tells_errors
        self._column = {"column": column} if column else {}
        self._number = 0
        self._seen = 0
        self._last_sent = time.monotonic()
        self._paused = self._ended = False
        self._whole_sent = 0
        self._parts: list[tuple[str, GrowingMarkdown | dict[str, Any]]] = []

    def is_due(self, live: LiveTurn) -> bool:
        """Return whether to send everything to a page that cannot ask for it.

        This happens each time the number of deltas has doubled, so the total sent stays linear.
        """
        return live.seconds > _PAUSE_SECONDS and len(live.deltas) > 2 * self._whole_sent

    def send_everything(self, live: LiveTurn) -> None:
        """Send everything that has arrived."""
        self._ended = live.ended
        self._take(live)
        self._whole_sent = self._seen
        self._send(live, "all", [_whole(*part) for part in self._parts])

    def send_news(self, live: LiveTurn) -> None:
        """Send what has arrived since the last time, or after a pause the last frame's number."""
        ends = live.ended and not self._ended
        start, waited = self._seen, time.monotonic() - self._last_sent
        if start > _LONG and waited < _LONG_FRAME and not ends:
            return
        news = self._take(live)
        if self._seen > start or ends:
            self._ended = self._ended or ends
            self._send(live, "add", news)
        elif not self._paused and waited > _PAUSE_SECONDS:
            self._paused = True
            self._send_message({"n": self._number, **self._column})

    def _take(self, live: LiveTurn) -> list[Piece]:
        """Take what has arrived; return it as pieces for a page that knows all the rest."""
        ended, start = live.ended, self._seen  # what arrives after this comes next time
        self._seen = len(live.deltas)
        news: list[Piece] = []
        for kind, text in segments(live.deltas[start : self._seen]):
            if kind in STEPS:
                step = kind, _step(kind, json.loads(text))
                news += [*self._finished(), step]
                self._parts.append(step)
                continue
            if not self._parts or self._parts[-1][0] != kind:
                news += self._finished()
                self._parts.append((kind, GrowingMarkdown(is_plain=not live.is_markdown)))
            growing = self._parts[-1][1]
            if isinstance(growing, GrowingMarkdown):
                change = growing.append(text)
                news.append((kind, printable(text) if change is None else asdict(change)))
        if ended:
            news += self._finished()
        return news

    def _finished(self) -> list[Piece]:
        """Finish the text that was arriving, if any; return what that changes."""
        kind, growing = self._parts[-1] if self._parts else ("", None)
        change = growing.finish() if isinstance(growing, GrowingMarkdown) else None
        return [] if change is None else [(kind, asdict(change))]

    def _send(self, live: LiveTurn, how: str, news: list[Piece]) -> None:
        self._number += 1
        self._last_sent, self._paused = time.monotonic(), False
        self._send_message(
            {
                "n": self._number,
                **self._column,
                how: news,
                "figures": " · ".join(live.figures.words_so_far),
                "now": round(live.seconds, 3),
                **({"over": self._failure(live)} if self._ended else {}),
            }
        )

    def _failure(self, live: LiveTurn) -> str:
        return printable(f"failed: {live.error}") if live.error and self._tells_errors else ""


def _whole(kind: str, part: GrowingMarkdown | dict[str, Any]) -> Piece:
    """Return a part of an answer as one piece."""
    if isinstance(part, dict):
        return kind, part
    return kind, asdict(Change(0, "", part.blocks, part.rest, part.language))


def _step(kind: str, step: dict[str, Any]) -> dict[str, Any]:
    """Return a step of a tool in the words of the settled form."""
    if kind == "call":
        call = call_line(step["name"], step["args"])
        return {"id": step["id"], "call": call, "asks": step["asks"]}
    status, text = step["status"], printable(step["text"])
    return {
        "id": step["id"],
        "status": status,
        "mark": MARKS[status],
        "outcome": outcome(status, text, step["seconds"]),
        "text": text,
    }
