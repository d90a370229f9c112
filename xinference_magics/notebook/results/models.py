"""Tables of running models, and of what a launch would do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.models import RunningModel
from xinference_magics.display.tables import Column, table_of
from xinference_magics.notebook.results.rows import Rows
from xinference_magics.plain import as_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xinference_magics.cluster.launching.plan import LaunchPlan

NO_MODELS = "No models are running; launch one with %xinference launch -n NAME"


class Models(Rows[RunningModel]):
    """The running models."""

    columns = (
        Column("UID", lambda model: model.uid),
        Column("name", lambda model: model.name),
        Column("type", lambda model: model.type),
        Column("engine", lambda model: model.engine),
        Column("format", lambda model: model.format),
        Column("size", lambda model: model.size),
        Column("quantization", lambda model: model.quantization),
        Column("context", lambda model: model.context_length),
        Column("replicas", lambda model: model.replica),
    )
    empty = NO_MODELS

    @property
    def caption(self) -> str:  # type: ignore[override]
        """Where to see the replicas, if a model has several."""
        spread = next((model.uid for model in self if model.replica > 1), None)
        return (
            f"%xinference replicas {as_word(spread)} shows where they are running."
            if spread
            else ""
        )


_DETAILS = (
    *Models.columns,
    Column[Any]("per request", lambda model: model.per_request and str(model.per_request)),
    Column[Any]("abilities", lambda model: ", ".join(model.abilities)),
    Column[Any]("family", lambda model: model.family),
    Column[Any]("languages", lambda model: ", ".join(model.languages)),
    Column[Any]("address", lambda model: model.address),
)


def description(model: RunningModel) -> dict[str, Any]:
    """Show one model, with a row for each known field (IPython's mimebundle formatter)."""
    known = [(column.title, column.value(model)) for column in _DETAILS]
    rows = [(title, value) for title, value in known if value not in (None, "")]
    return table_of(rows, "", "")._repr_mimebundle_()


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
    if name in planned.target.typed:
        return "typed"
    return "chosen" if name in _CHOSEN else "default"


def _caption(planned: LaunchPlan) -> Iterator[str]:
    yield f"Nothing was launched at {planned.endpoint}."
    if planned.existing is not None:
        yield planned.existing.planned
    yield from planned.said
