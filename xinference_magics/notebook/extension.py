"""Load and unload the extension; unloading removes whatever loading added."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.conversation import Conversation
from xinference_magics.notebook import displayhook
from xinference_magics.notebook.cells import keep_body, keep_lines
from xinference_magics.notebook.each_result import EachResult
from xinference_magics.notebook.magics import XinferenceMagics
from xinference_magics.shown import SettledAnswer, Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.turn import Turn


def load(shell: InteractiveShell) -> None:
    """Add the magics, their configuration and their hooks to `shell`."""
    if _loaded(shell) is not None:
        return
    magics = XinferenceMagics(shell)
    magics.install()
    shell.events.register("pre_run_cell", magics.pre_run_cell)
    cleanup = shell.input_transformers_cleanup
    cleanup[:] = [keep_body, keep_lines, *cleanup, keep_lines]  # the last handles text after >>>
    shell.Completer.custom_matchers.append(magics.complete)
    shell.ast_transformers.append(
        EachResult(type(magics).__name__, partial(magics.is_mine, "line"))
    )
    for formatter, kind, show in _printers(shell, magics):
        formatter.for_type(kind, show)
    displayhook.show_once(shell, magics.has_shown)


def unload(shell: InteractiveShell) -> None:
    """Remove what `load` added, if it is still ours."""
    magics = _loaded(shell)
    if magics is None:
        return
    magics.uninstall()
    shell.events.unregister("pre_run_cell", magics.pre_run_cell)
    ours = {keep_body, keep_lines}
    cleanup = shell.input_transformers_cleanup
    cleanup[:] = [transform for transform in cleanup if transform not in ours]
    shell.Completer.custom_matchers.remove(magics.complete)
    shell.ast_transformers[:] = [
        each for each in shell.ast_transformers if not isinstance(each, EachResult)
    ]
    for formatter, kind, _ in _printers(shell, magics):
        formatter.pop(kind)
    displayhook.restore(shell)


def _loaded(shell: InteractiveShell) -> XinferenceMagics | None:
    magics = shell.magics_manager.registry.get(XinferenceMagics.__name__)
    return magics if isinstance(magics, XinferenceMagics) else None


def _printers(
    shell: InteractiveShell, magics: XinferenceMagics
) -> Iterator[tuple[Any, type, Callable[[Any], Any]]]:
    """Yield how our values are shown: formatter, type, printer."""
    display: Any = shell.display_formatter
    yield display.ipython_display_formatter, Shown, magics.show_once
    yield display.ipython_display_formatter, Conversation, magics.show_once
    yield display.mimebundle_formatter, Shown, _value_bundle
    yield display.mimebundle_formatter, SettledAnswer, _answer_bundle


def _value_bundle(value: Shown) -> dict[str, Any]:
    from xinference_magics.notebook.results.printers import bundle

    return bundle(value)


def _answer_bundle(answer: Turn | Comparison) -> dict[str, Any]:
    from xinference_magics.display.turn_view import settled_form

    return settled_form(answer)
