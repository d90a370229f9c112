"""Make a test server start faster: remember which modules its Python does not have.

On each start, Xinference and each of its model processes try to import vLLM, SGLang, MLX and
other engines 87,000 times, once for each quantization of each model in its catalog. Python
searches every folder each time a module is missing; with this finder, it searches once.

`python tests/remember_absent.py` installs it for the Python that runs it.
"""

from __future__ import annotations

import sys
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class RememberingFinder(PathFinder):
    """Find modules like `PathFinder`, but search for absent top-level modules only once.

    Changing `sys.path` or calling `importlib.invalidate_caches()` makes it search again.
    """

    _absent: ClassVar[set[str]] = set()
    _path: ClassVar[list[str]] = []

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if path is not None:
            return super().find_spec(fullname, path, target)
        if cls._path != sys.path:
            cls._absent.clear()
            cls._path = [*sys.path]
        if fullname in cls._absent:
            return None
        found = super().find_spec(fullname, path, target)
        if found is None:
            cls._absent.add(fullname)
        return found

    @classmethod
    def invalidate_caches(cls) -> None:
        cls._absent.clear()
        super().invalidate_caches()


def install() -> None:
    """Install the finder for this Python: a `.pth` file imports a copy of this module at start."""
    folder = Path(sysconfig.get_path("purelib"))
    (folder / "remember_absent.py").write_text(Path(__file__).read_text())
    (folder / "remember_absent.pth").write_text("import remember_absent\n")


if __name__ == "__main__":
    install()
elif RememberingFinder not in sys.meta_path:
    sys.meta_path[sys.meta_path.index(PathFinder)] = RememberingFinder
