"""What a prompt command knows about the cell it runs in.

It names neither magics nor shell, so everything in `chatting` can be called with a plain object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from IPython.core.history import HistoryManager

    from xinference_magics.chat.conversation import Execution
    from xinference_magics.chat.main_thread import MainThread
    from xinference_magics.display.background import BackgroundView, UnseenView
    from xinference_magics.display.mapping import MapView
    from xinference_magics.display.turn_view import View
    from xinference_magics.notebook.session.connector import Settings
    from xinference_magics.notebook.session.session import Session


class Screen(Protocol):
    """Where a cell shows its answers."""

    def view(self, *, live: bool) -> View:
        """Return a view for the frontend that runs the cell.

        Args:
            live: Whether to show the answer as it arrives instead of once it is complete.
        """
        ...

    def background_view(self) -> BackgroundView | UnseenView:
        """Return a view of a turn that continues after the cell has ended."""
        ...

    def map_view(self, *, background: bool) -> MapView:
        """Return a view of a run over data.

        Args:
            background: Whether the run goes on after the cell has ended.
        """
        ...

    def fill_next_cell(self, code: str) -> None:
        """Put code into the cell below."""
        ...


@dataclass(frozen=True, repr=False)  # its variables may hold secrets
class CellContext:
    """One execution of a cell, as a prompt command sees it.

    Attributes:
        session: State shared by the magics of the notebook.
        execution: This execution of the cell.
        variables: Values that a prompt can insert: the user's variables and the locals of the
            function that calls the magic.
        namespace: Where ``--out`` stores its variable.
        history: The cells, outputs and errors so far.
        screen: Where the answer is shown.
        main_thread: Runs the user's tools while the cell waits.
    """

    session: Session
    execution: Execution
    variables: Mapping[str, Any]
    namespace: MutableMapping[str, Any]
    history: HistoryManager
    screen: Screen
    main_thread: MainThread

    @property
    def settings(self) -> Settings:
        """The traits of the magics."""
        return self.session.settings
