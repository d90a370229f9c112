"""Run code when a module is imported, without importing it."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def when_imported(name: str, do: Callable[[ModuleType], None]) -> None:
    """Call `do` with the module `name` as soon as it is imported; now if it already is."""
    if name in sys.modules:
        do(import_module(name))  # waits if another thread is still importing it
    else:
        sys.meta_path.insert(0, _Watch(name, do))


class _Watch:
    """A finder that delegates to the others, and learns when its module is loaded."""

    def __init__(self, name: str, do: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._do = do

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader)
        return spec

    def _follow(self, loader: Loader) -> None:
        """Call `do` once `loader` has executed the module."""
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            with suppress(ValueError):  # the module was loaded a second time
                sys.meta_path.remove(self)
                self._do(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]
