"""What a launch would do, as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xinference_magics.display.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xinference_magics.cluster.launching.plan import LaunchPlan

_CHOSEN = frozenset({"model_engine", "model_format", "model_size_in_billions", "quantization"})


def plan(planned: LaunchPlan) -> dict[str, Any]:
    """Show the request, each value's origin, and the outcome (IPython's mimebundle formatter)."""
    caption = " ".join(_caption(planned))
    return table_of(_rows(planned), "request", "value", "", caption=caption)._repr_mimebundle_()


def _rows(planned: LaunchPlan) -> Iterator[tuple[str, str, str]]:
    for name, value in planned.body().items():
        if value is not None:
            yield name, _shown(value), _source(planned, name)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _source(planned: LaunchPlan, name: str) -> str:
    if name in planned.wanted.typed:
        return "typed"
    return "chosen" if name in _CHOSEN else "default"


def _caption(planned: LaunchPlan) -> Iterator[str]:
    yield f"Nothing was launched at {planned.endpoint}."
    if planned.existing is not None:
        yield planned.existing.planned
    yield from planned.said
