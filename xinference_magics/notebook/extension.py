"""Loading and unloading: what one adds the other takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.notebook.cells import keep_body, keep_lines
from xinference_magics.notebook.magics import XinferenceMagics

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.cluster.memory import MemoryEstimate
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.cluster.operations import Operation
    from xinference_magics.cluster.plan import LaunchPlan

_TURN = ("xinference_magics.chat.turn", "Turn")
_COMPARISON = ("xinference_magics.chat.comparison", "Comparison")
_PENDING = ("xinference_magics.chat.pending", "PendingTurn")
_OPERATION = ("xinference_magics.cluster.operations", "Operation")
_MODEL = ("xinference_magics.cluster.models", "RunningModel")
_MEMORY = ("xinference_magics.cluster.memory", "MemoryEstimate")
_PLAN = ("xinference_magics.cluster.plan", "LaunchPlan")


def load(shell: InteractiveShell) -> None:
    """Add the magics, their configuration and their hooks to `shell`."""
    if _loaded(shell) is not None:
        return
    magics = XinferenceMagics(shell)
    magics.install()
    shell.events.register("pre_run_cell", magics.pre_run_cell)
    shell.input_transformers_cleanup.insert(0, keep_body)
    shell.input_transformers_cleanup.append(keep_lines)
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
    shell.input_transformers_cleanup.remove(keep_body)
    shell.input_transformers_cleanup.remove(keep_lines)
    shell.Completer.custom_matchers.remove(magics.complete)
    for formatter, name, _ in _printers(shell, magics):
        _forget(formatter, name)


def _loaded(shell: InteractiveShell) -> XinferenceMagics | None:
    magics = shell.magics_manager.registry.get(XinferenceMagics.__name__)
    return magics if isinstance(magics, XinferenceMagics) else None


def _printers(
    shell: InteractiveShell, magics: XinferenceMagics
) -> list[tuple[Any, tuple[str, str], Callable[[Any], Any]]]:
    """List how values of ours are shown: formatter, module and name of the type, printer."""
    display: Any = shell.display_formatter
    return [
        (display.ipython_display_formatter, _TURN, magics.show_once),
        (display.mimebundle_formatter, _TURN, magics.show_later),
        (display.ipython_display_formatter, _COMPARISON, magics.show_once),
        (display.mimebundle_formatter, _COMPARISON, magics.show_comparison_later),
        (display.ipython_display_formatter, _PENDING, magics.show_pending_once),
        (display.mimebundle_formatter, _MODEL, _describe),
        (display.mimebundle_formatter, _MEMORY, _estimate),
        (display.mimebundle_formatter, _PLAN, _plan),
        (display.mimebundle_formatter, _OPERATION, _tell),
    ]


def _describe(model: RunningModel) -> dict[str, Any]:
    from xinference_magics.notebook.results.models import description

    return description(model)


def _estimate(found: MemoryEstimate) -> dict[str, Any]:
    from xinference_magics.notebook.results.catalog import memory

    return memory(found)


def _plan(planned: LaunchPlan) -> dict[str, Any]:
    from xinference_magics.notebook.results.plan import plan

    return plan(planned)


def _tell(ended: Operation) -> dict[str, Any]:
    from xinference_magics.notebook.results.machines import operation

    return operation(ended)


def _forget(formatter: Any, name: tuple[str, str]) -> None:
    """Remove our printer, which IPython keeps by name until the type is first seen."""
    formatter.deferred_printers.pop(name, None)
    for kind in [kind for kind in formatter.type_printers if _named(kind) == name]:
        del formatter.type_printers[kind]


def _named(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__name__
