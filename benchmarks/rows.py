"""The results of a measure: rows of a table, with their targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SMALL, _MIDDLE = 1, 100


@dataclass(frozen=True)
class Row:
    """One figure of ours next to the peers'.

    Attributes:
        what: What was measured.
        unit: The unit of all figures in the row.
        ours: Our figure.
        peers: The peers' figures, by name; a string says why there is none.
        target: What ours must reach; empty for a figure that only explains another.
        reached: Whether it does; None without a target.
    """

    what: str
    unit: str
    ours: float
    peers: Mapping[str, float | str] = field(default_factory=dict)
    target: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Table:
    """The results of one measure."""

    name: str
    title: str
    rows: tuple[Row, ...]

    @property
    def peers(self) -> list[str]:
        """All peers that appear, in order."""
        return list(dict.fromkeys(peer for row in self.rows for peer in row.peers))


def interleaved(
    ways: Mapping[str, Callable[[], float]], rounds: int, *, warm: int = 0
) -> dict[str, list[float]]:
    """Run each way once per round, every other round in reverse; the first `warm` do not count.

    The machine is shared: what disturbs a round disturbs all ways alike.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for count in range(warm + rounds):
        order = list(ways.items())
        for name, way in order if count % 2 else reversed(order):
            value = way()
            if count >= warm:
                found[name].append(value)
    return found


def medians(found: Mapping[str, Iterable[float]]) -> dict[str, float]:
    """Return the median of each way."""
    return {name: median(values) for name, values in found.items()}


def ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """Return the median of the ratios of figures from the same rounds."""
    return median(mine / their for mine, their in zip(ours, theirs, strict=True))


def number(value: float | str, unit: str = "") -> str:
    """Format a figure with the digits that matter, about three."""
    if isinstance(value, str):
        return value
    if unit == "s" and abs(value) < _SMALL:
        value, unit = value * 1000, "ms"
    return f"{value:,.{_digits(value)}f} {unit}".strip()


def _digits(value: float) -> int:
    if value == int(value) or abs(value) >= _MIDDLE:
        return 0
    return 2 if abs(value) < _SMALL else 1
