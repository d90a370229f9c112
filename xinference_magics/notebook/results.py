"""What commands return: values for code, tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.display.tables import Column, Table

if TYPE_CHECKING:
    from xinference_magics.cluster.models import RunningModel

_MODEL = (
    Column[Any]("UID", lambda model: model.uid),
    Column[Any]("name", lambda model: model.name),
    Column[Any]("type", lambda model: model.type),
    Column[Any]("engine", lambda model: model.engine),
    Column[Any]("format", lambda model: model.format),
    Column[Any]("size", lambda model: model.size),
    Column[Any]("quantization", lambda model: model.quantization),
    Column[Any]("context", lambda model: model.context_length),
    Column[Any]("replicas", lambda model: model.replica),
)
_DETAILS = (
    *_MODEL,
    Column[Any]("abilities", lambda model: ", ".join(model.abilities)),
    Column[Any]("family", lambda model: model.family),
    Column[Any]("languages", lambda model: ", ".join(model.languages)),
    Column[Any]("worker", lambda model: model.address),
)


class Models(list["RunningModel"]):
    """The models that run: a list that is shown as a table."""

    @property
    def _table(self) -> Table[RunningModel]:
        return Table(self, _MODEL, empty="No model runs: %xinference launch -n NAME")

    def __repr__(self) -> str:
        return self._table.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return self._table._repr_mimebundle_()


def description(model: RunningModel) -> dict[str, Any]:
    """Show one model, a line for each thing known about it (IPython's mimebundle formatter)."""
    known = [(column.title, column.value(model)) for column in _DETAILS]
    rows = [(title, value) for title, value in known if value not in (None, "")]
    columns = (Column[Any]("", lambda row: row[0]), Column[Any]("", lambda row: row[1]))
    return Table(rows, columns)._repr_mimebundle_()
