"""Small tables of what a server runs: HTML in a page, aligned text in a terminal."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from html import escape
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from xinference_magics.display.frame import framed
from xinference_magics.plain import neutralise, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = TypeVar("Row")

_MAX_CELL_CHARS = 60
"""Longest cell in a terminal, in characters; longer ones are cut."""

_TABLE = "border-collapse:collapse;font-size:13px;margin:4px 0"
_SCROLLED = "overflow-x:auto;max-width:100%"
_HEAD = "border-bottom:1px solid rgba(128,128,128,0.5);text-align:"
_CELL = "text-align:"
_PADDING, _FIRST_PADDING = "padding:4px 12px", "padding:4px 12px 4px 0"
_WHOLE = ";white-space:nowrap"
_RIGHT = f"right{_WHOLE}"
_CAPTION = "font-size:12px;opacity:0.75;line-height:24px"


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column: its heading, and what it shows for a row.

    Args:
        title: The heading.
        value: Returns what to show for a row; None is shown as a dash.
        right: Whether to align it right although it is text, such as a size.
        whole: Whether its values never break, such as names.
        optional: Whether to omit it if no row has a value; if only some do, the others show a
            gap instead of a dash.
    """

    title: str
    value: Callable[[Row], object]
    right: bool = False
    whole: bool = False
    optional: bool = False


class Table(Generic[Row]):
    """Rows for display; store it, print it or leave it as a cell's last value.

    Args:
        rows: Any objects.
        columns: What to show for each row.
        caption: A line below the table.
        empty: What to show if there are no rows.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        columns: Sequence[Column[Row]],
        *,
        caption: str = "",
        empty: str = "Nothing to show.",
    ) -> None:
        self.rows = list(rows)
        self.columns = [
            each
            for each in columns
            if not each.optional or any(each.value(row) not in {None, ""} for row in self.rows)
        ]
        self.caption = caption
        self.empty = empty

    @property
    def text(self) -> str:
        """The table as aligned text, without control characters."""
        if not self.rows:
            return neutralise(self.empty)
        head = [neutralise(column.title) for column in self.columns]
        lines = [head] if any(head) else []
        lines += [list(map(_text, row)) for row in self._written()]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        sides = self._numeric()
        written = ["  ".join(map(_padded, line, widths, sides)).rstrip() for line in lines]
        return "\n".join([*written, *([neutralise(self.caption)] if self.caption else [])])

    @property
    def html(self) -> str:
        """The table as an output, with everything from the rows escaped."""
        return framed(self.content)

    @property
    def content(self) -> str:
        """The table as HTML within an output."""
        if not self.rows:
            return escape(printable(self.empty))
        written = self._written()
        sides = [
            _RIGHT if numeric else f"left{_WHOLE if column.whole else ''}"
            for column, numeric in zip(self.columns, self._numeric(), strict=True)
        ]
        if max(len(row[0]) for row in written) <= _MAX_CELL_CHARS:  # names must not break at dashes
            sides[0] += _WHOLE
        titles = [printable(column.title) for column in self.columns]
        rows = "".join(_row("td", _CELL, row, sides) for row in written)
        head = f"<thead>{_row('th', _HEAD, titles, sides)}</thead>" if any(titles) else ""
        return (
            f'<div tabindex="0" style="{_SCROLLED}"><table style="{_TABLE}">'
            f"{head}<tbody>{rows}</tbody></table></div>"
            f"{_caption(self.caption) if self.caption else ''}"
        )

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"text/html": self.html, "text/plain": self.text}

    def _values(self) -> list[list[object]]:
        return [[column.value(row) for column in self.columns] for row in self.rows]

    def _written(self) -> list[list[str]]:
        gaps = ["" if column.optional else "–" for column in self.columns]
        return [list(map(_shown, row, gaps)) for row in self._values()]

    def _numeric(self) -> list[bool]:
        """Return which columns align right: those marked so, or with only numbers and gaps."""
        columns = map(list, zip(*self._values(), strict=True))
        return [
            column.right
            or (
                all(value is None or _is_number(value) for value in values)
                and any(value is not None for value in values)
            )
            for column, values in zip(self.columns, columns, strict=True)
        ]


def table_of(rows: Iterable[Sequence[object]], *titles: str, caption: str = "") -> Table[Any]:
    """Make a table from rows that are sequences, with a title for each position in them."""
    columns = [Column[Any](title, itemgetter(place)) for place, title in enumerate(titles)]
    return Table(rows, columns, caption=caption)


def line_html(text: str) -> str:
    """Render a line in the style of a table's caption, as an output."""
    return framed(_caption(text))


def _caption(text: str) -> str:
    return f'<div style="{_CAPTION}">{escape(printable(text))}</div>'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object, gap: str) -> str:
    if value is None or value == "":
        return gap
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return printable(str(value))


def _text(written: str) -> str:
    return shortened(" ".join(neutralise(written).split()), _MAX_CELL_CHARS)


def _row(tag: str, style: str, texts: Iterable[str], sides: Iterable[str]) -> str:
    row = list(zip(texts, sides, strict=True))
    paddings = [_FIRST_PADDING, *[_PADDING] * len(row)]
    cells = (
        f'<{tag} style="{padding};{style}{side}">{escape(text)}</{tag}>'
        for padding, (text, side) in zip(paddings, row, strict=False)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _width(text: str) -> int:
    """Count the terminal columns: wide East Asian characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap
