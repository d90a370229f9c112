"""Views of a turn that is answered while other cells run.

A page shows it in the output of the cell that began it, whichever cell runs. Elsewhere there is no
output that could still change: the settled turn is shown where its result is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from xinference_magics.display.notebook import NotebookView
from xinference_magics.display.stream import HeadlessView, has_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.live import LiveTurn
    from xinference_magics.chat.turn import Turn


class BackgroundView(NotebookView):
    """Streams a turn into the output of a cell that has ended.

    What replaces the widget is sent as an answer to that cell's own request: what IPython would
    publish goes to the cell that runs, and into its ``%%capture``.
    """

    in_page = True
    _in_background = True

    def open(self, live: LiveTurn) -> None:
        """Show the widget, and note whose output it is."""
        self._parent = self._kernel.get_parent()
        super().open(live)

    def tell(self, lines: Iterable[str]) -> None:
        """Print lines beneath the turn."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self._send_as_cell("stream", {"name": "stdout", "text": text})

    def _update(self, bundle: dict[str, Any]) -> None:
        content = {
            "data": bundle,
            "metadata": {},
            "transient": {"display_id": self._display_id},
        }
        self._send_as_cell("update_display_data", content)

    def _send_as_cell(self, kind: str, content: dict[str, Any]) -> None:
        kernel = self._kernel
        topic = kind.encode()
        kernel.session.send(kernel.iopub_socket, kind, content, parent=self._parent, ident=topic)


class UnseenView(HeadlessView):
    """Shows nothing: the cell that wants the result does."""

    in_page = False

    def tell(self, lines: Iterable[str]) -> None:
        """Show nothing."""

    def close(self, turn: Turn) -> None:
        """Show nothing."""


def choose_background_view(shell: InteractiveShell) -> BackgroundView | UnseenView:
    """Choose the view that suits the front end which sent the running cell."""
    return BackgroundView(cast("Any", shell).kernel) if has_page(shell) else UnseenView()
