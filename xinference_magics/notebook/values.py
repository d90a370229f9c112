"""What a value of the notebook looks like to a model: text, or a picture."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from xinference_magics.notebook.containers import collection
from xinference_magics.notebook.pictures import picture
from xinference_magics.notebook.said import said
from xinference_magics.notebook.tables import Shortened, array, table
from xinference_magics.notes import note

if TYPE_CHECKING:
    from xinference_magics.notebook.pictures import Block

LONGEST = 20_000
"""Characters after which a value is cut, with a note."""
_LONGEST_NAME = 40
"""Characters of an expression that a note shows."""


def shown(value: object, name: str) -> str | Block:
    """Turn a value into what a model is given.

    Text stays as it is. Figures and images become pictures. Tables and arrays are written with
    their shape, turns and messages as their text, functions and classes as their source,
    exceptions with their traceback. What is long is shortened, which a note says, and the text.

    Args:
        value: Any value of the notebook.
        name: What it is called in notes.
    """
    if isinstance(value, str):
        return value
    name = " ".join(name.split())
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return picture(value, name) or _written(value, name)


def returned(value: object, *, sees: bool) -> str | list[Block]:
    """Turn what a tool has returned into what the model reads of it.

    Args:
        value: A figure or an image becomes a picture, anything else text.
        sees: Whether the model takes pictures; one that does not is told of them.
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
    """Turn a value into a word of a command: turns and messages into their text."""
    text = said(value)
    return str(value) if text is None else text


def cut(text: str, name: str, longest: int = LONGEST, *, end: bool = False) -> str:
    """Cut a text after so many characters, which a note says, and the text.

    Args:
        text: Any text.
        name: What it is called in the note.
        longest: Characters that are kept.
        end: Whether those are the last ones.
    """
    if len(text) <= longest:
        return text
    part = f"{'last' if end else 'first'} {longest:,} of {len(text):,} characters"
    note(f"{name}: {part} sent.")
    return f"[{part}]\n{text[-longest:]}" if end else f"{text[:longest]}\n[{part}]"


def _written(value: Any, name: str) -> str:
    # What an exception says is at the end of its traceback.
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
    """The text of Markdown, HTML and the like, as a cell's output has it."""
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
