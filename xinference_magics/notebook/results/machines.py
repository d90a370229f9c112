"""Workers, replicas, events and logs, as tables and text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from xinference_magics.cluster.machines import Device, Snapshot, Worker
from xinference_magics.cluster.models import Event, Instance, ReplicaStatus
from xinference_magics.display.amounts import duration, percent, used
from xinference_magics.display.tables import Column, Table, line_html, table_of
from xinference_magics.notebook.results.rows import Rows
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xinference_magics.cluster.operations import Operation

_RECENT = 3600.0
"""Seconds for which a failed or ended model is still shown; the server never drops one."""


def operation(ended: Operation) -> dict[str, Any]:
    """Show how an operation of the server ended (IPython's mimebundle formatter)."""
    known = [(name.replace("_", " "), value) for name, value in vars(ended).items() if value]
    return table_of(known, "", "")._repr_mimebundle_()


def load(seen: Snapshot) -> dict[str, Any]:
    """Show the last snapshot of a watch (IPython's mimebundle formatter)."""
    shown = Load(seen)
    return {"text/html": shown.html(""), "text/plain": shown.text}


def devices(found: Sequence[Device]) -> str:
    """Describe the GPUs by name: how many, memory in use, and average load."""
    return "; ".join(
        _together([each for each in found if each.name == name])
        for name in dict.fromkeys(each.name for each in found)
    )


def _together(alike: Sequence[Device]) -> str:
    name = alike[0].name if len(alike) == 1 else f"{len(alike)} × {alike[0].name}"
    memory = used(
        _sum(each.memory_used for each in alike), _sum(each.memory_total for each in alike)
    )
    load = _sum(each.load for each in alike)
    busy = None if load is None else percent(load / len(alike))
    return ", ".join(filter(None, (name, memory, busy)))


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def health(worker: Worker) -> str:
    """Describe whether a worker is reporting, or how many more checks it may miss."""
    if worker.heard is None:
        return "unknown"
    if not worker.late:
        return "ok"
    left = "" if worker.checks_left is None else f", {worker.checks_left} checks left"
    return f"silent for {duration(worker.heard)}{left}"


def ready_of(replicas: Sequence[ReplicaStatus]) -> str:
    """Describe how many replicas are ready."""
    return f"{sum(each.ready for each in replicas)} of {len(replicas)}"


def _workers(replicas: Iterable[ReplicaStatus]) -> list[str]:
    held = [each.worker for each in replicas if each.worker and (each.ready or each.loading)]
    return sorted(set(held))


def _error(instance: Instance) -> str | None:
    return next((each.error for each in instance.replicas if each.error), None)


def current(snapshot: Snapshot) -> list[Instance]:
    """Return the instances, without those that failed or ended long ago."""
    return [
        each
        for each in snapshot.instances or ()
        if any(replica.ready or replica.loading for replica in each.replicas)
        or (each.created is not None and snapshot.clock - each.created < _RECENT)
    ]


def _nothing(snapshot: Snapshot) -> str:
    if snapshot.instances is None:
        return "These credentials are not allowed to see the models."
    return "No models are running."


def _listed(values: Iterable[str] | None) -> str | None:
    return None if values is None else ", ".join(values)


class Workers(Rows[Worker]):
    """The workers of a cluster."""

    columns = (
        Column("worker", lambda worker: worker.address),
        Column("version", lambda worker: worker.version, optional=True),
        Column("CPUs", lambda worker: worker.cpus),
        Column("CPU", lambda worker: percent(worker.cpu_load), right=True),
        Column("RAM", lambda worker: used(worker.memory_used, worker.memory_total), right=True),
        Column("GPUs", lambda worker: devices(worker.devices), optional=True),
        Column("replicas", lambda worker: _listed(worker.replicas)),
        Column("health", health),
    )
    empty = "No worker is connected to the supervisor."


class Replicas(Rows[ReplicaStatus]):
    """The replicas of a model."""

    columns = (
        Column("replica", lambda replica: replica.uid or f"number {replica.id}"),
        Column("status", lambda replica: replica.status),
        Column("worker", lambda replica: replica.worker),
        Column("process", lambda replica: replica.address, optional=True),
        Column("GPUs", lambda replica: ", ".join(replica.gpus), optional=True),
        Column("error", lambda replica: replica.error, optional=True),
    )
    empty = "It has no replicas."

    @property
    def caption(self) -> str:  # type: ignore[override]
        """Which replicas only seem ready: the server reports no process for them."""
        gone = {each.worker for each in self if each.ready and each.address is None}
        workers = ", ".join(sorted(filter(None, gone)))  # a spread model has no single worker
        return (
            f"{workers} is not responding: replicas shown as ready there may be lost."
            if workers
            else ""
        )


class Events(Rows[Event]):
    """What happened to a model."""

    columns = (
        Column("time", lambda event: event.time and f"{event.time:%Y-%m-%d %H:%M:%S}"),
        Column("type", lambda event: event.type),
        Column("what", lambda event: event.text),
    )
    empty = "No events for a model with that UID since the server started."


class Lines(list[str]):
    """Lines of a log, shown as text."""

    def __repr__(self) -> str:
        return "\n".join(neutralise(line) for line in self)


class Load:
    """The state of a cluster at one moment, as `watch` shows it.

    Args:
        snapshot: The observed state.
    """

    columns: ClassVar[tuple[Column[Any], ...]] = (
        Column("model", lambda instance: instance.uid),
        Column("name", lambda instance: instance.name),
        Column("ready", lambda instance: ready_of(instance.replicas), right=True),
        Column("status", lambda instance: instance.status),
        Column("workers", lambda instance: _listed(_workers(instance.replicas))),
        Column("error", _error, optional=True),
    )

    def __init__(self, snapshot: Snapshot) -> None:
        shown = current(snapshot)
        self._models: Table[Instance] = Table(shown, self.columns, empty=_nothing(snapshot))
        self._workers = Workers(snapshot.workers).table

    @property
    def text(self) -> str:
        """Both tables, as text."""
        return f"{self._models.text}\n\n{self._workers.text}"

    def html(self, note: str) -> str:
        """Return both tables as HTML, with `note`, if any, below them; server text is escaped."""
        gap = '<div style="height:8px"></div>'
        below = line_html(note) if note else ""
        return f"{self._models.html}{gap}{self._workers.html}{below}"
