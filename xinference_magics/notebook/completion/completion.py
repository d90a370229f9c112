"""Tab completion for the magics: commands, their options, and values from the server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.registrations import MODEL_TYPES
from xinference_magics.notebook.cells import MAGIC
from xinference_magics.notebook.command_line.option import Option, Values
from xinference_magics.notebook.commands import COMMANDS, conversing
from xinference_magics.notebook.completion import cache as known
from xinference_magics.notebook.completion.cache import Known, Query
from xinference_magics.notebook.session.namespace import CHAT, HEARS, IMAGE, OCR, SPEAKS, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from IPython.core.completer import CompletionContext

    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.commands.command import AnyCommand
    from xinference_magics.notebook.session.session import Session

_LINE = re.compile(rf"\s*(?:[^%=\n]+=\s*)?%%?{MAGIC}\s+(?P<typed>.*)", re.DOTALL)
_SETS = {"xinference": COMMANDS, "conversation": conversing.COMMANDS}
_WORD = re.compile(r""""[^"]*"|'[^']*'|\S+""")
_PLAIN = re.compile(r"""[^\s"'`$#{}\\]+""")
"""Values that can be typed unquoted; a name from a server may contain anything."""
_FIELDS = {
    "model_engine": "engine",
    "model_format": "format",
    "model_size_in_billions": "size",
    "quantization": "quantization",
}
"""Options that determine how a model runs, and their names in the server's offers."""


@dataclass(frozen=True)
class Completion:
    """The candidates at the cursor.

    Attributes:
        fragment: The part already typed.
        words: The candidates, likeliest first.
        kind: What the candidates are, as shown to the user.
    """

    fragment: str
    words: tuple[str, ...] = ()
    kind: str = ""


@dataclass
class Place:
    """The cursor's place in the line of a command.

    Attributes:
        command: The command.
        option: The option whose value is expected; None if a flag is.
        given: The options already typed, with their values.
        bare: Whether its value is expected without a flag, so that a flag can come instead.
    """

    command: AnyCommand
    option: Option | None = None
    given: dict[str, str] = field(default_factory=dict)
    bare: bool = False

    @property
    def endpoint(self) -> str | None:
        """The server named in the line."""
        return self.given.get("endpoint")

    @property
    def model_type(self) -> str:
        """The model type named in the line, or LLM."""
        by_name = {name.lower(): name for name in MODEL_TYPES}
        return by_name.get(self.given.get("model_type", "").lower(), "LLM")


class Completer:
    """Complete the lines of the magics.

    Args:
        session: State shared by the magics.

    Attributes:
        sources: Functions that return the values for an option, or None, by kind of value. They
            must not wait for a server.
    """

    def __init__(self, session: Session) -> None:
        self._known = Known(session)
        self.sources: dict[Values, Callable[[Place], Iterable[str] | None]] = {
            Values.MODEL: self._names,
            Values.ENGINE: self._offered,
            Values.FORMAT: self._offered,
            Values.SIZE: self._offered,
            Values.QUANTIZATION: self._offered,
            Values.RUNNING: lambda place: self._running(place, lambda _: True),
            Values.CHATS: lambda place: self._running(place, CHAT.fits),
            Values.CONTINUES: lambda place: self._running(place, TEXT.fits),
            Values.PAINTS: lambda place: self._running(place, IMAGE.fits),
            Values.HEARS: lambda place: self._running(place, HEARS.fits),
            Values.READS: lambda place: self._running(place, OCR.fits),
            Values.SPEAKS: lambda place: self._running(place, SPEAKS.fits),
            Values.LOADING: lambda place: self._known.get(Query(known.loading, place.endpoint)),
            Values.WORKER: lambda place: self._known.get(Query(known.workers, place.endpoint)),
            Values.PARAMETER: lambda _: parameters(),
            Values.COMPARED: lambda _: session.compared.names if session.compared else (),
            Values.CONVERSATION: lambda _: session.conversations.names,
        }

    def complete(self, magic: str, typed: str) -> Completion | None:
        """Complete the text between a magic and the cursor; None if nothing can be completed."""
        if magic == "map":
            options = after_data(typed)
            if options is None:  # an expression, which others complete
                return None
            typed = options
        before, fragment = _cut(typed)
        words = _words(before)
        if magic in _SETS:
            if not words:
                self._look_ahead()
                return Completion(fragment, _matching([*_SETS[magic], "help"], fragment), "command")
            name, *words = words
            if name == "help":
                return Completion(fragment, _matching(_SETS[magic], fragment), "command")
            command = _SETS[magic].get(name)
        else:
            command = COMMANDS[magic.removeprefix("x")]
        place = placed(command, words) if command else None
        return self._at(place, fragment) if place else None

    def _at(self, place: Place, fragment: str) -> Completion:
        if place.option is not None and not (place.bare and fragment[:1] == "-"):
            found = self._valued(place, place.option, fragment)
            if found.words or not place.bare:
                return found
        flag, equals, value = fragment.partition("=")
        for option in place.command.options if equals else ():
            if flag in option.flags:
                return self._valued(place, option, value)
        return Completion(fragment, _flags(place, fragment), "option")

    def _valued(self, place: Place, option: Option, fragment: str) -> Completion:
        """Complete the value of an option."""
        place.option = option
        values = option.values
        *given, fragment = fragment.split(",") if option.listed else [fragment]
        if not isinstance(values, Values):
            return Completion(fragment, _matching(values, fragment), "value")
        source = self.sources.get(values)
        found = source(place) if source else None
        typable = [
            value
            for value in found or ()
            if _PLAIN.fullmatch(value) and value.isprintable() and value not in given
        ]
        return Completion(fragment, _matching(typable, fragment), values.value)

    def _look_ahead(self) -> None:
        """Start fetching what the next words will need."""
        self._known.get(Query(known.names, None, ("LLM",)), patience=0)
        self._known.get(Query(known.running), patience=0)

    def _names(self, place: Place) -> list[str] | None:
        found: list[str] | None = self._known.get(
            Query(known.names, place.endpoint, (place.model_type,))
        )
        return found

    def _offered(self, place: Place) -> list[str]:
        """List the values that fit the model and the options already given."""
        name = place.given.get("model_name", "")
        if not _PLAIN.fullmatch(name) or place.option is None:
            return []
        engines = self._known.get(Query(known.engines, place.endpoint, (place.model_type, name)))
        wanted = _FIELDS[place.option.name]
        given = {_FIELDS[key]: value for key, value in place.given.items() if key in _FIELDS}
        given.pop(wanted, None)
        return engines.possible(wanted, given) if engines else []

    def _running(self, place: Place, fits: Callable[[RunningModel], bool]) -> list[str]:
        found = self._known.get(Query(known.running, place.endpoint)) or ()
        return [model.uid for model in found if fits(model)]


def line_at(context: CompletionContext) -> tuple[str, str]:
    """Return the magic before the cursor, and the text between the two.

    Both are empty if there is no magic. A backslash may continue a line.
    """
    line = context.text_until_cursor
    before = context.full_text.split("\n")[: context.cursor_line]
    while before and before[-1].endswith("\\"):
        line = f"{before.pop()[:-1]} {line}"
    match = _LINE.match(line)
    return (match["magic"], match["typed"]) if match else ("", "")


def parameters() -> list[str]:
    """List the generation parameters in the form that ``-p`` takes."""
    from xinference_magics.wire.parameters import NAMES

    return [f"{name}=" for name in NAMES]


def placed(command: AnyCommand, words: list[str]) -> Place | None:
    """Return what is expected after `words`; None inside a prompt, or if anything is allowed."""
    by_flag = {flag: option for option in command.options for flag in option.flags}
    takes_any = any(option.undeclared for option in command.options)
    positional = [option for option in command.options if option.positional]
    if not words or words[0][:1] != "-":
        positional += [option for option in command.options if option.leading]
    place, rest = Place(command), list(words)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        option = by_flag.get(flag)
        if option is None and word[:1] != "-":
            if not positional:
                return None
            place.given[positional[0].name] = word
            positional = positional if positional[0].repeat else positional[1:]
        elif option is None:
            if not (takes_any and (equals or rest)):
                return None
            del rest[: 0 if equals else 1]
        elif not equals and option.words > len(rest):
            place.option = option
            return place if option.words == 1 else None
        else:
            positional = [each for each in positional if each != option]
            count = 0 if equals else option.words
            place.given[option.name] = value if equals else " ".join(rest[:count])
            del rest[:count]
    place.option = positional[0] if positional else None
    place.bare = place.option is not None
    return place


def after_data(typed: str) -> str | None:
    """Return what is typed after the expression of ``%%map``; None inside the expression."""
    from xinference_magics.notebook.mapping.data_line import split

    _, options = split(typed)
    begun = _BEGUN.search(typed)
    return options or (begun["option"] if begun else None)


_BEGUN = re.compile(r"\S\s+(?P<option>-{0,2})$")
"""The end of a line where an option begins or may begin."""


def _cut(typed: str) -> tuple[str, str]:
    """Split the input into complete words and the word at the cursor."""
    fragment = re.split(r"\s", typed)[-1]
    return typed[: len(typed) - len(fragment)], fragment


def _words(text: str) -> list[str]:
    return [word.strip("\"'") for word in _WORD.findall(text)]


def _flags(place: Place, fragment: str) -> tuple[str, ...]:
    """Return the flags still available, each in a spelling that starts with `fragment`."""
    found = []
    for option in place.command.options:
        usable = option.repeat or option.name not in place.given
        if usable and option.offered:
            flags = option.flags[option.positional :]
            found += [flag for flag in flags if flag.startswith(fragment)][:1]
    return (*found, "--help") if "--help".startswith(fragment) else tuple(found)


def _matching(words: Iterable[str], fragment: str) -> tuple[str, ...]:
    """Return the words that start with `fragment`, or if none does, those that contain it."""
    part = fragment.casefold()
    beginning = tuple(word for word in words if word.casefold().startswith(part))
    return beginning or tuple(word for word in words if part in word.casefold())


def results(found: Completion | None) -> Any:
    """Convert a completion to the result of an IPython matcher (version 2 of the API)."""
    from IPython.core.completer import SimpleCompletion

    if found is None or not found.words:
        return {"completions": [], "suppress": False}
    return {
        "completions": [SimpleCompletion(word, type=found.kind) for word in found.words],
        "matched_fragment": found.fragment,
        "suppress": True,
        "ordered": True,
    }
