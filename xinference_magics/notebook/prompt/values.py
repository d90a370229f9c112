"""Convert the notebook's values to what a model reads: text or pictures.

The items of a collection are formatted as each would be on its own.
"""

from __future__ import annotations

import inspect
import pprint
import traceback
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import suppress
from itertools import islice
from numbers import Rational, Real
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.pictures import is_drawing, picture
from xinference_magics.notebook.prompt.tables import Shortened, array, digits, first_of, table
from xinference_magics.notebook.prompt.transcripts import said
from xinference_magics.notes import note
from xinference_magics.plain import shortened

if TYPE_CHECKING:
    from xinference_magics.notebook.prompt.pictures import Block


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
        if _is_named_tuple(value):
            return self._fields(value, *args)
        if isinstance(value, Real) and not isinstance(value, Rational):
            return digits(value), True, False
        if isinstance(value, complex):
            return f"{value:.6g}", True, False
        if value is None or isinstance(value, str | bytes | int | type):
            return super().format(value, *args)
        if id(value) not in self._written:
            self._written[id(value)] = _inside(value)
        written = self._written[id(value)]
        return super().format(value, *args) if written is None else (written.text, True, False)

    def _fields(
        self, value: Any, context: dict[int, int], levels: int, level: int
    ) -> tuple[str, bool, bool]:
        if id(value) in context:
            return f"{type(value).__name__}(...)", False, True
        context[id(value)] = 1
        items = [self.format(item, context, levels, level + 1) for item in value]
        del context[id(value)]
        pairs = [f"{name}={text}" for name, (text, *_) in zip(value._fields, items, strict=True)]
        readable = all(each for _, each, _ in items)
        recursive = any(each for _, _, each in items)
        return f"{type(value).__name__}({', '.join(pairs)})", readable, recursive

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


def _is_named_tuple(value: object) -> bool:
    """Return whether a tuple has named fields, and the repr that Python gives such tuples."""
    has_fields = isinstance(value, tuple) and hasattr(value, "_fields")
    return has_fields and getattr(type(value).__repr__, "__module__", None) == "collections"


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


MAX_CHARS = 20_000
"""Maximum characters of a value; a longer one is cut, with a note."""
_MAX_NAME_CHARS = 40
"""Maximum characters of an expression in a note."""


def shown(value: object, name: str) -> str | Block:
    """Convert a value to what is sent to a model.

    Text stays as it is. Figures and images become pictures. Tables and arrays are written with
    their shape, turns and messages as their text, functions and classes as their source, and
    exceptions with their traceback. Long values are shortened, as a note and the text both say.

    Args:
        value: Any value of the notebook.
        name: Its name in notes.
    """
    if isinstance(value, str):
        return value
    name = shortened(" ".join(name.split()), _MAX_NAME_CHARS)
    return picture(value, name) or _written(value, name)


def returned(value: object, *, sees: bool) -> str | list[Block]:
    """Convert the return value of a tool to what the model reads.

    Args:
        value: A figure or an image becomes a picture, anything else text.
        sees: Whether the model accepts pictures; if not, a text mentions them instead.
    """
    from xinference_magics.chat.toolbox import as_text

    kind = type(value).__name__
    name = f"The {kind} of a tool"
    drawn = picture(value, name)
    if drawn is None:
        return as_text(value, lambda other: _written(other, name))
    if not sees:
        return f"[{kind}: a picture, which this model cannot see]"
    return [{"type": "text", "text": f"{kind}, as a picture:"}, drawn]


def worded(value: object) -> str:
    """Convert a value to a word of a command; turns and messages become their text."""
    text = said(value)
    return str(value) if text is None else text


def cut(text: str, name: str, longest: int = MAX_CHARS, *, end: bool = False) -> str:
    """Cut a text to `longest` characters, as a note and the text both say.

    Args:
        text: Any text.
        name: Its name in the note.
        longest: Number of characters that remain.
        end: Whether the last characters remain, instead of the first.
    """
    if len(text) <= longest:
        return text
    part = f"{'last' if end else 'first'} {longest:,} of {len(text):,} characters"
    note(f"{name}: {part} sent.")
    return f"[{part}]\n{text[-longest:]}" if end else f"{text[:longest]}\n[{part}]"


def _written(value: Any, name: str) -> str:
    # The message of an exception is at the end of its traceback.
    return cut(_text(value, name), name, end=isinstance(value, BaseException))


def _text(value: Any, name: str) -> str:
    for describe in _DESCRIPTIONS:
        described = describe(value)
        if isinstance(described, Shortened):
            for said_of_it in described.notes:
                note(f"{name}: {said_of_it}.")
            return described.text
        if described is not None:
            return described
    return str(value)


def _source(value: Any) -> str | None:
    if not isinstance(value, FunctionType | MethodType | type):
        return None
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return _signature(value)


def _signature(value: Any) -> str:
    name = getattr(value, "__qualname__", repr(value))
    with suppress(TypeError, ValueError):
        name += str(inspect.signature(value))
    return "\n".join(filter(None, [name, inspect.getdoc(value)]))


def _module(value: Any) -> str | None:
    if not isinstance(value, ModuleType):
        return None
    names = [name for name in dir(value) if not name.startswith("_")]
    about = (inspect.getdoc(value) or "").strip()
    return f"module {value.__name__}\n{about}\nnames: {', '.join(names)}"


def _exception(value: Any) -> str | None:
    if not isinstance(value, BaseException):
        return None
    return "".join(traceback.format_exception(value)).strip()


def _displayed(value: Any) -> str | None:
    """Return the text behind Markdown, HTML and other display objects."""
    from IPython.core.display import DisplayObject

    text = value.data if isinstance(value, DisplayObject) else None
    return text if isinstance(text, str) else None


def _callable(value: Any) -> str | None:
    return _signature(value) if inspect.isroutine(value) else None


_DESCRIPTIONS = (
    said,
    _displayed,
    _exception,
    _source,
    _module,
    table,
    array,
    collection,
    _callable,
)
