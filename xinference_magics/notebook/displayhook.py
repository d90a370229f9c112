"""A terminal's display hook, which prints nothing for a value that its cell has already shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.displayhook import DisplayHook
    from IPython.core.interactiveshell import InteractiveShell


class ShownOnce:
    """Keeps a shown value as ``_`` and in ``Out``, without ``Out[n]:`` and its repr.

    IPython prints the prompt before it asks any formatter, so only the hook itself can leave it
    out.

    Args:
        hook: The shell's own hook.
        has_shown: Whether the running cell has already shown a value.
    """

    def __init__(self, hook: DisplayHook, has_shown: Callable[[Any], bool]) -> None:
        self._hook: Any = hook  # its methods have no types
        self._has_shown = has_shown

    def __call__(self, result: Any = None) -> None:
        """Show a value, unless it has been shown."""
        if result is None or not self._has_shown(result):
            self._hook(result)
            return
        self._hook.check_for_underscore()
        self._hook.update_user_ns(result)
        self._hook.fill_exec_result(result)


def show_once(shell: InteractiveShell, has_shown: Callable[[Any], bool]) -> None:
    """Use the hook in a terminal; the hooks of kernels need none."""
    if getattr(shell, "kernel", None) is None:
        shell.display_trap.hook = ShownOnce(shell.displayhook, has_shown)


def restore(shell: InteractiveShell) -> None:
    """Use the shell's own hook again, if ours is still in use."""
    if isinstance(shell.display_trap.hook, ShownOnce):
        shell.display_trap.hook = shell.displayhook
