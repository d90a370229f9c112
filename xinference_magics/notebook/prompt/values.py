"""Convert the notebook's values to what a model reads: text or pictures."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from xinference_magics.notebook.prompt.containers import collection
from xinference_magics.notebook.prompt.pictures import picture
from xinference_magics.notebook.prompt.tables import Shortened, array, table
from xinference_magics.notebook.prompt.transcripts import said
from xinference_magics.notes import note

if TYPE_CHECKING:
    from xinference_magics.notebook.prompt.pictures import Block

LONGEST = 20_000
"""Maximum characters of a value; a longer one is cut, with a note."""
_LONGEST_NAME = 40
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
    name = " ".join(name.split())
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
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


def cut(text: str, name: str, longest: int = LONGEST, *, end: bool = False) -> str:
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
    with contextlib.suppress(TypeError, ValueError):
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
