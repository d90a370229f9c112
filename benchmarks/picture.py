"""The figures as an SVG: one group of bars for each row with peers, ours first."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rows import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rows import Row, Table

_WIDTH, _LABEL, _BAR, _LINE, _GAP = 860, 330, 360, 18, 14
_OURS, _THEIRS = "#3a7bd5", "#9a9a9a"


def draw(tables: list[Table]) -> str:
    """Draw all rows with peers; the longest bar of each group has the full width."""
    parts, y = [], 10
    for table in tables:
        for row in table.rows:
            if figures := _figures(row):
                parts += _group(f"{table.title}: {row.what}", figures, row.unit, y)
                y += (len(figures) + 1) * _LINE + _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" '
        f'font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="{_WIDTH}" height="{y}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _figures(row: Row) -> dict[str, float]:
    """Return the figures of a row that can be drawn; none if there is only ours."""
    theirs = {name: value for name, value in row.peers.items() if not isinstance(value, str)}
    figures = {"ours": row.ours, **theirs}
    return figures if theirs and all(value > 0 for value in figures.values()) else {}


def _group(title: str, figures: dict[str, float], unit: str, y: int) -> Iterator[str]:
    yield _text(10, y + 13, title.replace("`", ""), "font-weight='bold'")
    longest = max(figures.values())
    for name, value in figures.items():
        y += _LINE
        width = max(_BAR * value / longest, 1)
        fill = _OURS if name == "ours" else _THEIRS
        yield _text(_LABEL - 8, y + 13, name, "text-anchor='end'")
        yield f'<rect x="{_LABEL}" y="{y + 3}" width="{width:.0f}" height="12" fill="{fill}"/>'
        yield _text(_LABEL + width + 8, y + 13, number(value, unit))


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y}" fill="#222222" {style}>{escape(text)}</text>'
