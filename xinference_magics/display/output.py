"""A cell output that can be replaced in place, and the front end that shows it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Output:
    """An output of the running cell; any later cell may replace it, too.

    Attributes:
        id: The ID by which a frontend finds it again.
    """

    def __init__(self) -> None:
        self.id = uuid4().hex

    def show(self, bundle: dict[str, Any]) -> None:
        """Display a MIME bundle in the running cell, as is."""
        from IPython.display import display

        display(bundle, raw=True, display_id=self.id)  # type: ignore[no-untyped-call]

    def replace(self, bundle: dict[str, Any]) -> None:
        """Replace the output in place."""
        from IPython.display import update_display

        update_display(bundle, raw=True, display_id=self.id)  # type: ignore[no-untyped-call]


def front_end(shell: InteractiveShell) -> Literal["terminal", "page", "none"]:
    """Return who sees the running cell's output: a terminal, a page, or nobody while it runs."""
    # A kernel has not imported this module, and importing it would take a tenth of a second.
    terminal = sys.modules.get("IPython.terminal.interactiveshell")
    if terminal is not None and isinstance(shell, terminal.TerminalInteractiveShell):
        return "terminal"
    kernel = kernel_of(shell)
    return "none" if kernel is None or not _is_watched(kernel) or _is_captured(shell) else "page"


def kernel_of(shell: InteractiveShell | None) -> Any:
    """Return the kernel that runs the shell, or None."""
    return getattr(shell, "kernel", None)


def cell_of(kernel: Any) -> str:
    """Return the ID of the cell that a kernel is running; empty if the frontend sends none."""
    get_parent = getattr(kernel, "get_parent", None)
    message = (get_parent("shell") if get_parent is not None else None) or {}
    cell = (message.get("metadata") or {}).get("cellId")
    return cell if isinstance(cell, str) else ""


def _is_watched(kernel: object) -> bool:
    """Return whether somebody is at the page, as opposed to nbclient or a tool built on it.

    nbclient, papermill and ``nbconvert --execute`` do not allow input, and would save the state of
    a widget in the notebook even after it is closed.
    """
    get_parent = getattr(kernel, "get_parent", None)
    if get_parent is None:
        return False
    content = get_parent("shell").get("content") or {}
    return bool(content.get("allow_stdin", True))


def _is_captured(shell: InteractiveShell) -> bool:
    """Return whether ``%%capture`` or the like collects what the cell displays."""
    from IPython.core.displaypub import CapturingDisplayPublisher

    return isinstance(shell.display_pub, CapturingDisplayPublisher)
