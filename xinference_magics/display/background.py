"""Views of a turn that is answered while other cells run.

A page shows it in the output of the cell that began it, whichever cell runs. Elsewhere there is no
output that could still change: the settled turn is shown where its result is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.display.page import PageView
from xinference_magics.display.stream import SettledView, front_end, kernel_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.display.stream import Answer


class BackgroundView(PageView):
    """Streams a turn into the output of a cell that has ended.

    What replaces the widget is sent as an answer to that cell's own request: what IPython would
    publish goes to the cell that runs, and into its ``%%capture``.
    """

    background = True
    in_page = True

    def open(self, lives: Sequence[LiveTurn]) -> None:
        """Show the widget, and note whose output it is."""
        self._parent = self.kernel.get_parent()
        super().open(lives)

    def publish(self, bundle: dict[str, Any]) -> None:
        """Publish an output in place of the one that is there."""
        transient = {"display_id": self.display_id}
        content = {"data": bundle, "metadata": {}, "transient": transient}
        self._send("update_display_data", content)

    def tell(self, lines: Iterable[str]) -> None:
        """Print lines beneath the turn."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self._send("stream", {"name": "stdout", "text": text})

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        """Send a message as an answer to the cell's request."""
        kernel = self.kernel
        topic = kind.encode()
        kernel.session.send(kernel.iopub_socket, kind, content, parent=self._parent, ident=topic)


class UnseenView(SettledView):
    """Shows nothing: the cell that wants the result does."""

    in_page = False

    def close(self, answer: Answer) -> None:
        """Show nothing."""

    def tell(self, lines: Iterable[str]) -> None:
        """Show nothing."""


def choose_background_view(shell: InteractiveShell) -> BackgroundView | UnseenView:
    """Choose the view that suits the front end which sent the running cell."""
    return BackgroundView(kernel_of(shell)) if front_end(shell) == "page" else UnseenView()
