"""What a command that takes a prompt knows of the cell it is typed in.

It names no magics and no shell, so that everything in `chatting` can be called with a plain object.
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
    from xinference_magics.display.stream import View
    from xinference_magics.notebook.connector import Settings
    from xinference_magics.notebook.session import Session


class Screen(Protocol):
    """Where a cell shows its answers."""

    def view(self, *, live: bool) -> View:
        """Return a view for the front end that runs the cell.

        Args:
            live: Whether the answer is shown as it arrives, or once it is complete.
        """
        ...

    def background_view(self) -> BackgroundView | UnseenView:
        """Return a view of a turn that goes on when the cell has ended."""
        ...

    def fill_next_cell(self, code: str) -> None:
        """Put code into the cell below."""
        ...


@dataclass(frozen=True, repr=False)  # its variables may be secrets
class CellContext:
    """One run of one cell, as far as a prompt is concerned.

    Attributes:
        session: What the magics of the notebook share.
        execution: This run of the cell.
        variables: The values that can be inserted: the user's, and those of the function that the
            magic is called in.
        namespace: Where ``--out`` puts its variable.
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
