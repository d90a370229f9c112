"""Show the values that commands return, except those that are tables themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.launching.plan import LaunchPlan
from xinference_magics.cluster.machines import Snapshot
from xinference_magics.cluster.models import RunningModel
from xinference_magics.cluster.operations import Operation
from xinference_magics.data.run import MapRun
from xinference_magics.display import mapping
from xinference_magics.local_server.memory import MemoryEstimate
from xinference_magics.notebook.results import catalog, machines, models

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.shown import Shown

_PRINTERS: dict[type[Shown], Callable[[Any], dict[str, Any]]] = {
    LaunchPlan: models.plan,
    MapRun: mapping.settled,
    MemoryEstimate: catalog.memory,
    Operation: machines.operation,
    RunningModel: models.description,
    Snapshot: machines.load,
}


def bundle(value: Shown) -> dict[str, Any]:
    """Return the MIME bundle of a value; empty if its repr is shown instead."""
    printer = _PRINTERS.get(type(value))
    return {} if printer is None else printer(value)
