"""Loading and unloading: what one adds the other takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.notebook.cells import keep_questions
from xinference_magics.notebook.magics import XinferenceMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_TURN = ("xinference_magics.chat.turn", "Turn")


def load(shell: InteractiveShell) -> None:
    """Add the magics, their configuration and their hooks to `shell`."""
    if _loaded(shell) is not None:
        return
    magics = XinferenceMagics(shell)
    magics.install()
    shell.events.register("pre_run_cell", magics.cells.pre_run_cell)
    shell.input_transformers_cleanup.append(keep_questions)
    for formatter, show in _formatters(shell, magics):
        formatter.for_type_by_name(*_TURN, show)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` added, where it is still ours."""
    magics = _loaded(shell)
    if magics is None:
        return
    magics.uninstall()
    shell.events.unregister("pre_run_cell", magics.cells.pre_run_cell)
    shell.input_transformers_cleanup.remove(keep_questions)
    for formatter, _ in _formatters(shell, magics):
        _forget_type(formatter)


def _loaded(shell: InteractiveShell) -> XinferenceMagics | None:
    magics = shell.magics_manager.registry.get(XinferenceMagics.__name__)
    return magics if isinstance(magics, XinferenceMagics) else None


def _formatters(shell: InteractiveShell, magics: XinferenceMagics) -> list[tuple[Any, Any]]:
    display: Any = shell.display_formatter
    return [
        (display.ipython_display_formatter, magics.show_once),
        (display.mimebundle_formatter, magics.show_later),
    ]


def _forget_type(formatter: Any) -> None:
    """Remove our printer, which IPython keeps by name until the type is first seen."""
    formatter.deferred_printers.pop(_TURN, None)
    for kind in [kind for kind in formatter.type_printers if _named(kind) == _TURN]:
        del formatter.type_printers[kind]


def _named(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__name__
