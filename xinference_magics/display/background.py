"""Views of a turn that is answered while other cells run.

A page shows it in the output of the cell that began it, whichever cell runs. Elsewhere there is no
output that could still change: the settled turn is shown where its result is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.display.output import Output
from xinference_magics.display.page import PageView
from xinference_magics.display.stream import SettledView, front_end, kernel_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.display.stream import Answer


class _EarlierOutput(Output):
    """An output of the cell that runs now, to be replaced when it has ended.

    That is sent as an answer to the cell's own request: what IPython would publish goes to the cell
    that runs by then, and into its ``%%capture``.
    """

    def __init__(self, kernel: Any) -> None:
        super().__init__()
        self._kernel = kernel
        self._request = kernel.get_parent()

    def replace(self, bundle: dict[str, Any]) -> None:
        """Replace it where it stands."""
        content = {"data": bundle, "metadata": {}, "transient": {"display_id": self.id}}
        self._send("update_display_data", content)

    def print(self, text: str) -> None:
        """Print text beneath it."""
        self._send("stream", {"name": "stdout", "text": text})

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        session, socket = self._kernel.session, self._kernel.iopub_socket
        session.send(socket, kind, content, parent=self._request, ident=kind.encode())


class BackgroundView(PageView):
    """Streams a turn into the output of a cell that has ended."""

    background = True
    in_page = True
    output: _EarlierOutput

    def __init__(self, kernel: Any) -> None:
        super().__init__(kernel)
        self.output = _EarlierOutput(kernel)

    def tell(self, lines: Iterable[str]) -> None:
        """Print lines beneath the turn."""
        if text := "".join(f"{line}\n" for line in lines):
            self.output.print(text)


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
