"""Tables of models that can be launched, engines that run them, and cached files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xinference_magics.cluster.cache import CachedModel
from xinference_magics.cluster.launching.engine_choice import Engines, Offer
from xinference_magics.cluster.registrations import Registration, VllmModel
from xinference_magics.display.amounts import Bytes
from xinference_magics.display.tables import Column, Table, table_of
from xinference_magics.notebook.results.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xinference_magics.local_server.memory import MemoryEstimate

_SHOWN = 6
"""Maximum number of languages shown; some models know a hundred."""


def _few(values: Sequence[str]) -> str:
    more = len(values) - _SHOWN
    return ", ".join([*values[:_SHOWN], *([f"+{more}"] if more > 0 else [])])


class Registrations(Rows[Registration]):
    """Models that can be launched; their fields depend on the model type."""

    columns: ClassVar[tuple[Column[Any], ...]] = (
        Column("name", lambda model: model.name),
        Column("type", lambda model: model.type),
        Column("abilities", lambda model: ", ".join(model.abilities), optional=True),
        Column("sizes", lambda model: ", ".join(model.sizes), optional=True),
        Column("formats", lambda model: ", ".join(model.formats), optional=True),
        Column("context", lambda model: model.context_length, optional=True),
        Column("dimensions", lambda model: model.dimensions, optional=True),
        Column("languages", lambda model: _few(model.languages), optional=True),
        Column("yours", lambda model: "" if model.builtin else "yes", optional=True),
    )
    empty = "No such model: %xinference register adds one, %xinference search TEXT finds others."


class Found(Registrations):
    """Models of all types that a search found, with the columns that tell them apart."""

    columns = tuple(
        column
        for column in Registrations.columns
        if column.title not in {"dimensions", "languages"}
    )


@dataclass(frozen=True)
class _Way:
    """A row of the engine table: sizes that come in the same quantizations."""

    engine: str
    format: str | None
    sizes: tuple[str, ...]
    quantizations: tuple[str, ...]
    note: str


class EngineOffers(Rows[Offer]):
    """The ways to run a model, one by one; the table merges similar ones into one row.

    Args:
        offers: The offers that match the request.
        engines: Everything that the server reported.
        refusing: Names of engines that cannot run the model; the server's reasons are in `engines`.

    Attributes:
        model_name: The name of the model.
        unavailable: The engines that cannot run it, with the server's reasons.
    """

    columns = (
        Column("engine", lambda way: way.engine),
        Column("format", lambda way: way.format, optional=True),
        Column("size (billions)", lambda way: ", ".join(way.sizes), optional=True),
        Column("quantization", lambda way: ", ".join(way.quantizations), optional=True),
        Column("note", lambda way: way.note, optional=True),
    )

    def __init__(
        self, offers: Iterable[Offer], engines: Engines, refusing: Iterable[str] = ()
    ) -> None:
        super().__init__(offers)
        self.model_name = engines.model_name
        self.unavailable = {name: engines.unavailable[name] for name in refusing}

    @property
    def table(self) -> Table[Any]:
        """The table that is shown."""
        ways = [*_ways(self)]
        ways += [_Way(name, None, (), (), why) for name, why in self.unavailable.items()]
        return Table(ways, self.columns, caption=self.caption)


def _ways(offers: Iterable[Offer]) -> list[_Way]:
    """Merge offers that differ only in quantization, then those that differ only in size."""
    quantizations: dict[tuple[str, str | None, str | None, bool], list[str]] = {}
    for each in offers:
        key = (each.engine, each.format, each.size, each.installed)
        quantizations.setdefault(key, []).extend([each.quantization] if each.quantization else [])
    sizes: dict[tuple[str, str | None, bool, tuple[str, ...]], list[str]] = {}
    for (engine, form, size, installed), names in quantizations.items():
        together = (engine, form, installed, tuple(dict.fromkeys(names)))
        sizes.setdefault(together, []).extend([size] if size else [])
    return [
        _Way(engine, form, tuple(listed), names, "" if installed else "installed at launch")
        for (engine, form, installed, names), listed in sizes.items()
    ]


def size_of(model: CachedModel) -> Bytes | None:
    """Return the size of a version on disk, if known."""
    return None if model.size_bytes is None else Bytes(model.size_bytes)


class CachedModels(Rows[CachedModel]):
    """The model files on the workers' disks."""

    columns = (
        Column("version", lambda model: model.version),
        Column("type", lambda model: model.type),
        Column("on disk", size_of),
        Column("worker", lambda model: model.worker),
        Column("path", lambda model: model.real_path or model.path),
    )
    empty = "Nothing is cached there."


def total_of(models: Iterable[CachedModel]) -> Bytes:
    """Add up the sizes, counting versions with files in the same folder once."""
    folders = {(each.worker, each.real_path or each.path): each.size_bytes for each in models}
    return Bytes(sum(size or 0 for size in folders.values()))


class VllmModels(Rows[VllmModel]):
    """The architectures that vLLM runs."""

    columns = (
        Column("architecture", lambda model: model.name),
        Column("abilities", lambda model: ", ".join(model.abilities)),
    )
    empty = "The server lists none."


_PARTS = {
    "model": "model",
    "kv_cache": "KV cache",
    "recurrent_state": "recurrent state",
    "prefix_cache": "prefix cache",
    "overhead": "overhead",
    "activation": "activation",
    "total": "total",
}


def memory(found: MemoryEstimate) -> dict[str, Any]:
    """Show an estimate part by part (IPython's mimebundle formatter)."""
    rows = [(title, size) for name, title in _PARTS.items() if (size := getattr(found, name))]
    asked = found.request
    known = (
        asked.model_name,
        f"{asked.model_size_in_billions.replace('_', '.')} billion parameters",
        asked.model_format,
        asked.quantization,
        f"{asked.context_length:,} tokens",
        f"{asked.kv_cache_dtype}-bit KV cache",
    )
    caption = f"An estimate for {', '.join(filter(None, known))}."
    return table_of(rows, "GPU memory", "MiB", caption=caption)._repr_mimebundle_()
