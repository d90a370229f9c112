"""Loading and unloading: what one adds the other takes away."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from xinference_magics.notebook.cells import keep_body, keep_lines
from xinference_magics.notebook.magics import XinferenceMagics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

_BUNDLES = {
    ("chat.turn", "Turn"): ("display.settled", "bundle"),
    ("chat.comparison", "Comparison"): ("display.comparison", "bundle"),
    ("cluster.memory", "MemoryEstimate"): ("notebook.results.catalog", "memory"),
    ("cluster.machines", "Snapshot"): ("notebook.results.machines", "load"),
    ("cluster.models", "RunningModel"): ("notebook.results.models", "description"),
    ("cluster.operations", "Operation"): ("notebook.results.machines", "operation"),
    ("cluster.plan", "LaunchPlan"): ("notebook.results.plan", "plan"),
}
"""Types by module and name, and the functions that make mime bundles of them: rooms below know
nothing of how they are shown. Neither is imported before a value is there."""

_SHOWN_BEFORE = (
    ("chat.turn", "Turn"),
    ("chat.comparison", "Comparison"),
    ("cluster.launch", "Cancellation"),
    ("cluster.machines", "Snapshot"),
    ("cluster.models", "RunningModel"),
    ("notebook.results.connection", "Connection"),
    ("notebook.results.done", "Done"),
)
"""Types of values that the cell may have shown before they become its value."""


def load(shell: InteractiveShell) -> None:
    """Add the magics, their configuration and their hooks to `shell`."""
    if _loaded(shell) is not None:
        return
    magics = XinferenceMagics(shell)
    magics.install()
    shell.events.register("pre_run_cell", magics.pre_run_cell)
    cleanup = shell.input_transformers_cleanup
    cleanup[:] = [keep_body, keep_lines, *cleanup, keep_lines]  # the last: what stood after >>>
    shell.Completer.custom_matchers.append(magics.complete)
    for formatter, name, show in _printers(shell, magics):
        formatter.for_type_by_name(*name, show)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` added, where it is still ours."""
    magics = _loaded(shell)
    if magics is None:
        return
    magics.uninstall()
    shell.events.unregister("pre_run_cell", magics.pre_run_cell)
    ours = {keep_body, keep_lines}
    cleanup = shell.input_transformers_cleanup
    cleanup[:] = [transform for transform in cleanup if transform not in ours]
    shell.Completer.custom_matchers.remove(magics.complete)
    for formatter, name, _ in _printers(shell, magics):
        _forget(formatter, name)


def _loaded(shell: InteractiveShell) -> XinferenceMagics | None:
    magics = shell.magics_manager.registry.get(XinferenceMagics.__name__)
    return magics if isinstance(magics, XinferenceMagics) else None


def _printers(
    shell: InteractiveShell, magics: XinferenceMagics
) -> Iterator[tuple[Any, tuple[str, str], Callable[[Any], Any]]]:
    """List how values of ours are shown: formatter, module and name of the type, printer."""
    display: Any = shell.display_formatter
    for (module, name), function in _BUNDLES.items():
        yield display.mimebundle_formatter, _full(module, name), partial(_bundle, *function)
    for module, name in _SHOWN_BEFORE:
        yield display.ipython_display_formatter, _full(module, name), magics.show_once
    pending = _full("chat.pending", "PendingTurn")
    yield display.ipython_display_formatter, pending, magics.show_pending_once


def _full(module: str, name: str) -> tuple[str, str]:
    return f"xinference_magics.{module}", name


def _bundle(module: str, function: str, value: object) -> Any:
    return getattr(import_module(f"xinference_magics.{module}"), function)(value)


def _forget(formatter: Any, name: tuple[str, str]) -> None:
    """Remove our printer, which IPython keeps by name until the type is first seen."""
    formatter.deferred_printers.pop(name, None)
    for kind in [kind for kind in formatter.type_printers if _named(kind) == name]:
        del formatter.type_printers[kind]


def _named(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__name__
