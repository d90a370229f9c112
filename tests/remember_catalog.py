"""Make a test server start faster: remember the catalog that each of its processes reads.

Xinference validates its 171 builtin language models, and matches each of them with each engine, in
every process that it starts: two for the server and one for each running model. That takes 5 of the
15 seconds of CPU time that such a process needs until it works. The results depend only on the
packages that are installed, so they are computed once.

`python tests/remember_catalog.py` computes them and installs this module for the Python that runs
it. As soon as another package is installed there, servers compute them themselves again.
"""

from __future__ import annotations

import functools
import pickle
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

MODULE = "xinference.model.llm"
PACKAGES = Path(sysconfig.get_path("purelib"))
REMEMBERED = Path(sys.prefix) / "remembered-catalog.pickle"


class CatalogFinder(PathFinder):
    """Finds Xinference's package of language models, and gives it what is remembered."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if fullname != MODULE:
            return None
        sys.meta_path.remove(cls)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                use(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    @classmethod
    def invalidate_caches(cls) -> None:
        """Nothing is cached."""


def fingerprint() -> tuple[int, int]:
    """Return what changes when a package is installed or removed."""
    return PACKAGES.stat().st_mtime_ns, len(list(PACKAGES.iterdir()))


def use(module: Any) -> None:
    """Give the package what is remembered, if it is still true."""
    try:
        of, families, engines = pickle.loads(REMEMBERED.read_bytes())  # noqa: S301
    except OSError:
        return
    if of != fingerprint():
        return
    load, match = module.load_model_family_from_json, module.generate_engine_config_by_model_family

    @functools.wraps(load)
    def load_remembered(path: str, into: list[Any], *, register_metadata: bool = True) -> None:
        if path != "models" or into:
            load(path, into, register_metadata=register_metadata)
            return
        into.extend(pickle.loads(families))  # noqa: S301
        if register_metadata:
            for family in into:
                module._register_model_family_metadata(family)

    @functools.wraps(match)
    def match_remembered(family: Any, into: dict[str, Any] | None = None) -> None:
        table = module.LLM_ENGINES if into is None else into
        if family.is_builtin and family.model_name in engines and family.model_name not in table:
            table[family.model_name] = pickle.loads(engines[family.model_name])  # noqa: S301
        else:
            match(family, into)

    module.load_model_family_from_json = load_remembered
    module.generate_engine_config_by_model_family = match_remembered


def install() -> None:
    """Install this module for this Python, then compute what it remembers."""
    REMEMBERED.unlink(missing_ok=True)
    (PACKAGES / "remember_catalog.py").write_text(Path(__file__).read_text())
    (PACKAGES / "remember_catalog.pth").write_text("import remember_catalog\n")
    from xinference.model import llm

    families: list[Any] = []
    llm.load_model_family_from_json("models", families)
    unmarked = pickle.dumps(families)
    engines = {}
    for family in families:
        table: dict[str, Any] = {}
        llm.generate_engine_config_by_model_family(family, table)
        engines[family.model_name] = pickle.dumps(table[family.model_name])
    REMEMBERED.write_bytes(pickle.dumps((fingerprint(), unmarked, engines)))


if __name__ == "__main__":
    install()
elif CatalogFinder not in sys.meta_path:
    sys.meta_path.insert(0, CatalogFinder)
