"""Views of a turn that is answered while other cells run.

A page shows it in the output of the cell that began it, whichever cell runs. Elsewhere there is no
output that could still change: the settled turn is shown where its result is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.display.notebook import NotebookView
from xinference_magics.display.page import Page
from xinference_magics.display.stream import HeadlessView, front_end, kernel_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.turn import Turn


class BackgroundPage(Page):
    """The output of a cell that has ended.

    What replaces the widget is sent as an answer to that cell's own request: what IPython would
    publish goes to the cell that runs, and into its ``%%capture``.
    """

    background = True

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show the widget, and note whose output it is."""
        self._parent = self.kernel.get_parent()
        super().open(lives)

    def publish(self, bundle: dict[str, Any]) -> None:
        """Publish an output in place of the one that is there."""
        transient = {"display_id": self.display_id}
        content = {"data": bundle, "metadata": {}, "transient": transient}
        self.send("update_display_data", content)

    def send(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message as an answer to the cell's request."""
        kernel = self.kernel
        topic = kind.encode()
        kernel.session.send(kernel.iopub_socket, kind, content, parent=self._parent, ident=topic)


class BackgroundView(NotebookView):
    """Streams a turn into the output of a cell that has ended."""

    in_page = True
    _page: BackgroundPage

    def _page_of(self, kernel: Any) -> BackgroundPage:
        return BackgroundPage(kernel)

    def tell(self, lines: Iterable[str]) -> None:
        """Print lines beneath the turn."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self._page.send("stream", {"name": "stdout", "text": text})


class UnseenView(HeadlessView):
    """Shows nothing: the cell that wants the result does."""

    in_page = False

    def tell(self, lines: Iterable[str]) -> None:
        """Show nothing."""

    def close(self, turn: Turn) -> None:
        """Show nothing."""


def choose_background_view(shell: InteractiveShell) -> BackgroundView | UnseenView:
    """Choose the view that suits the front end which sent the running cell."""
    return BackgroundView(kernel_of(shell)) if front_end(shell) == "page" else UnseenView()
