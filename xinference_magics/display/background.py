"""Views of a turn that is answered while other cells run.

A page shows it in the output of the cell that started it, whichever cell is running. Elsewhere,
earlier outputs cannot change: the settled turn is shown wherever its result is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.display.output import Output, front_end, kernel_of
from xinference_magics.display.page import PageView
from xinference_magics.display.turn_view import SettledView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.display.turn_view import Answer


class EarlierOutput(Output):
    """An output of the running cell that can be replaced after the cell has ended.

    The update is sent as a reply to the cell's own request: IPython would publish it to whichever
    cell is running by then, and into that cell's ``%%capture``.
    """

    def __init__(self, kernel: Any) -> None:
        super().__init__()
        self._kernel = kernel
        self._request = kernel.get_parent()

    def replace(self, bundle: dict[str, Any]) -> None:
        """Replace the output in place."""
        content = {"data": bundle, "metadata": {}, "transient": {"display_id": self.id}}
        self._send("update_display_data", content)

    def print(self, text: str) -> None:
        """Print text below the output."""
        self._send("stream", {"name": "stdout", "text": text})

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        session, socket = self._kernel.session, self._kernel.iopub_socket
        session.send(socket, kind, content, parent=self._request, ident=kind.encode())


class BackgroundView(PageView):
    """Streams a turn into the output of a cell that has ended."""

    background = True
    in_page = True
    output: EarlierOutput

    def __init__(self, kernel: Any) -> None:
        super().__init__(kernel)
        self.output = EarlierOutput(kernel)

    def tell(self, lines: Iterable[str]) -> None:
        """Print lines below the turn."""
        if text := "".join(f"{line}\n" for line in lines):
            self.output.print(text)


class UnseenView(SettledView):
    """Shows nothing: the cell that uses the result shows it."""

    in_page = False

    def close(self, answer: Answer, *, raises: bool = False) -> None:
        """Show nothing."""

    def tell(self, lines: Iterable[str]) -> None:
        """Show nothing."""


def choose_background_view(shell: InteractiveShell) -> BackgroundView | UnseenView:
    """Choose the view for the frontend that sent the running cell."""
    return BackgroundView(kernel_of(shell)) if front_end(shell) == "page" else UnseenView()
