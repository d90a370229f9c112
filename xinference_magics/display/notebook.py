"""A turn in a notebook page: a widget while it runs, plain output when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.display.page import Page
from xinference_magics.display.stream import View

if TYPE_CHECKING:
    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.turn import Turn


class NotebookView(View):
    """Streams a turn into a widget of the page that runs the cell.

    Args:
        kernel: The running kernel.
    """

    def __init__(self, kernel: Any) -> None:
        self._page = self._page_of(kernel)

    def _page_of(self, kernel: Any) -> Page:
        return Page(kernel)

    @property
    def stop_requested(self) -> bool:
        """Whether Stop was clicked, as far as the page could tell the kernel."""
        return self._page.stop_requested

    def open(self, live: LiveTurn) -> None:
        """Show the model's name, a clock and the Stop button."""
        self._page.open([live])

    def repaint(self, live: LiveTurn) -> None:
        """Send the page what is new."""
        self._page.repaint([live])

    def close(self, turn: Turn) -> None:
        """Replace the widget by the settled turn."""
        from xinference_magics.display.settled import bundle

        self._page.replace(lambda: bundle(turn))

    def dismiss(self) -> None:
        """Replace the widget by nothing."""
        self._page.clear()
