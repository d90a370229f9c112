"""Lists, dicts and the like as text; what is in them is written as it would be by itself."""

from __future__ import annotations

import pprint
from itertools import islice
from numbers import Rational, Real
from typing import Any

from xinference_magics.errors import PromptError
from xinference_magics.notebook.pictures import is_drawing
from xinference_magics.notebook.said import said
from xinference_magics.notebook.tables import Shortened, array, digits, first_of, table

_ITEMS = 2_000
"""Items of a list or a dict up to which all are written."""


def collection(value: Any) -> Shortened | None:
    """Write a list, tuple, set or dict as Python would; None for anything else."""
    if not isinstance(value, dict | list | tuple | set | frozenset):
        return None
    printer = _Printer(width=100, compact=True, sort_dicts=False)
    part = first_of(_ITEMS, len(value), "items")
    if not part:
        return Shortened(printer.pformat(value), notes=printer.notes)
    items = value.items() if isinstance(value, dict) else value
    kind = next(kind for kind in (dict, list, tuple, set, frozenset) if isinstance(value, kind))
    first: Any = kind(islice(items, _ITEMS))
    text = f"{type(value).__name__} ({part}):\n{printer.pformat(first)}"
    return Shortened(text, part, (f"{part} sent", *printer.notes))


class _Printer(pprint.PrettyPrinter):
    """Writes floats with a few digits, and tables, arrays and turns as what they hold."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._written: dict[int, Shortened | None] = {}  # it asks more than once for a value

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out; of many values only the first."""
        notes = dict.fromkeys(
            said for each in self._written.values() if each is not None for said in each.notes
        )
        first, *others = notes or [""]
        return (*filter(None, [first]), *([f"{len(others):,} more like it"] if others else []))

    def format(self, value: object, *args: Any) -> tuple[str, bool, bool]:
        if isinstance(value, Real) and not isinstance(value, Rational):
            return digits(value), True, False
        if value is None or isinstance(value, str | bytes | int | complex | type):
            return super().format(value, *args)
        if id(value) not in self._written:
            self._written[id(value)] = _inside(value)
        written = self._written[id(value)]
        return super().format(value, *args) if written is None else (written.text, True, False)


def _inside(value: Any) -> Shortened | None:
    """Write what is in a collection; None for what is written as Python does."""
    kind = type(value).__name__
    if is_drawing(value):
        return Shortened(
            f"[{kind}: a picture, which is not in this text]",
            notes=(f"{kind} inside it not sent, because it is a picture: insert it on its own",),
        )
    try:
        text = said(value)
    except PromptError:  # a turn without an answer, whose repr says so
        return None
    if text is not None:
        return Shortened(repr(text))
    written = table(value) or array(value)
    if written is None:
        return None
    notes = tuple(f"{kind} inside it: {note}" for note in written.notes)
    return Shortened(written.text, written.part, notes)
