"""The cell that a shell is running, as prompt commands see it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from IPython.core.async_helpers import get_asyncio_loop

from xinference_magics.chat.main_thread import MainThread
from xinference_magics.display.background import choose_background_view
from xinference_magics.display.views import choose_map_view, choose_view
from xinference_magics.notebook.cell_context import CellContext

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.conversation import Execution
    from xinference_magics.display.background import BackgroundView, UnseenView
    from xinference_magics.display.mapping import MapView
    from xinference_magics.display.turn_view import View
    from xinference_magics.notebook.session.session import Session


class ShellScreen:
    """Show answers in the frontend that runs a shell's cell.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def view(self, *, live: bool) -> View:
        """Return a view for the frontend that runs the cell."""
        return choose_view(self._shell, live=live)

    def background_view(self) -> BackgroundView | UnseenView:
        """Return a view of a turn that continues after the cell has ended."""
        return choose_background_view(self._shell)

    def map_view(self, *, background: bool) -> MapView:
        """Return a view of a run over data."""
        return choose_map_view(self._shell, background=background)

    def fill_next_cell(self, code: str) -> None:
        """Put code into the cell below."""
        self._shell.set_next_input(code)


def running_cell(
    shell: InteractiveShell, session: Session, execution: Execution, local: dict[str, Any] | None
) -> CellContext:
    """Describe the cell that `shell` is running."""
    return CellContext(
        session=session,
        execution=execution,
        variables={**shell.user_ns, **(local or {})},
        namespace=shell.user_ns,
        history=shell.history_manager,  # type: ignore[arg-type]  # typed for shells without one
        screen=ShellScreen(shell),
        main_thread=MainThread(user_loop),
    )


def user_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs what the user's cells await."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        loop: asyncio.AbstractEventLoop = get_asyncio_loop()  # type: ignore[no-untyped-call]
        return loop
