"""Format collections as text, with each item formatted as it would be on its own."""

from __future__ import annotations

import pprint
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import suppress
from itertools import islice
from numbers import Rational, Real
from typing import Any

from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.pictures import is_drawing
from xinference_magics.notebook.prompt.tables import Shortened, array, digits, first_of, table
from xinference_magics.notebook.prompt.transcripts import said

_ITEMS = 2_000
"""Maximum number of items written for a list or a dict."""


_NAMED: frozenset[Any] = frozenset(
    kind.__repr__ for kind in (Counter, OrderedDict, defaultdict, deque)
)
_SETS: frozenset[Any] = frozenset(kind.__repr__ for kind in (set, frozenset))
_KINDS = (dict, list, tuple, set, frozenset)


def collection(value: Any) -> Shortened | None:
    """Format a list, tuple, set, dict or deque much as Python would; None for anything else."""
    if not isinstance(value, (*_KINDS, deque)):
        return None
    printer = _Printer(width=100, compact=True, sort_dicts=False)
    plain, name = _plain(value), type(value).__name__
    part = first_of(_ITEMS, len(value), "items")
    if not part:
        text = printer.pformat(plain)
        return Shortened(text if plain is value else f"{name}({text})", notes=printer.notes)
    items = plain.items() if isinstance(plain, dict) else plain
    kind = next(kind for kind in _KINDS if isinstance(plain, kind))
    first: Any = kind(islice(items, _ITEMS))
    text = f"{name} ({part}):\n{printer.pformat(first)}"
    return Shortened(text, part, (f"{part} sent", *printer.notes))


def _plain(value: Any) -> Any:
    """Convert a collection with a name in its repr to a dict or list; return others unchanged."""
    if type(value).__repr__ not in _NAMED:
        return value
    if isinstance(value, Counter):
        with suppress(TypeError):  # counts are not always comparable
            return dict(value.most_common())
    return dict(value) if isinstance(value, dict) else list(value)


class _Printer(pprint.PrettyPrinter):
    """A pretty-printer that rounds floats and writes out tables, arrays and turns."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._written: dict[int, Shortened | None] = {}  # pprint formats a value more than once

    @property
    def notes(self) -> tuple[str, ...]:
        """The first note on what was left out, and how many others there are."""
        notes = dict.fromkeys(
            said for each in self._written.values() if each is not None for said in each.notes
        )
        first, *others = notes or [""]
        return (*filter(None, [first]), *([f"{len(others):,} more like it"] if others else []))

    def format(self, value: object, *args: Any) -> tuple[str, bool, bool]:
        # The base class uses repr for these, which handles neither digits nor tables.
        if type(value).__repr__ in _NAMED | _SETS:
            return self._named(value, *args)
        if isinstance(value, Real) and not isinstance(value, Rational):
            return digits(value), True, False
        if value is None or isinstance(value, str | bytes | int | complex | type):
            return super().format(value, *args)
        if id(value) not in self._written:
            self._written[id(value)] = _inside(value)
        written = self._written[id(value)]
        return super().format(value, *args) if written is None else (written.text, True, False)

    def _named(self, value: Any, context: dict[int, int], *args: int) -> tuple[str, bool, bool]:
        name, is_set = type(value).__name__, type(value).__repr__ in _SETS
        if id(value) in context:
            return f"{name}(...)", False, True
        if is_set and not value:
            return repr(value), True, False
        context[id(value)] = 1
        text, readable, recursive = super().format(
            list(value) if is_set else _plain(value), context, *args
        )
        del context[id(value)]
        text = f"{{{text[1:-1]}}}" if is_set else text
        return text if name == "set" else f"{name}({text})", readable, recursive


def _inside(value: Any) -> Shortened | None:
    """Format an item of a collection; None to leave it to Python."""
    kind = type(value).__name__
    if is_drawing(value):
        return Shortened(
            f"[{kind}: a picture, which is not in this text]",
            notes=(f"{kind} inside it not sent, because it is a picture: insert it on its own",),
        )
    try:
        text = said(value)
    except PromptError:  # a turn without an answer says so in its repr
        return None
    if text is not None:
        return Shortened(repr(text))
    written = table(value) or array(value)
    if written is None:
        return None
    notes = tuple(f"{kind} inside it: {note}" for note in written.notes)
    return Shortened(written.text, written.part, notes)
