"""One option of a magic: declared once, for the parser, the help, completion and the reference.

The options of a command are the fields of a frozen dataclass, each declared by `given`. The parser
returns an instance of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from xinference_magics.notebook import readers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_LISTED = 2
"""Choices up to which help leaves them to the placeholder, as in BOOL."""


class Values(Enum):
    """What completes a value that only the server knows; each is called as people see it."""

    MODEL = "model"
    ENGINE = "engine"
    FORMAT = "format"
    SIZE = "size"
    QUANTIZATION = "quantization"
    RUNNING = "running model"
    CHATS = "chat model"
    CONTINUES = "text model"
    LOADING = "loading model"
    WORKER = "worker"
    PARAMETER = "parameter"
    CONVERSATION = "conversation"
    COMPARED = "compared model"


class Reported(Enum):
    """Whether the server reports an option of a launch for a running model.

    Launch reuses a running model only if it knows that the model is the one asked for.
    """

    YES = "reported"
    NO = "not reported"
    IRRELEVANT = "concerns the start only: the model is the same with or without it"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a magic.

    Attributes:
        flags: Its spellings, the long one first. A word without dashes is positional; any flags
            after it are other ways to give the same value.
        help: One line for people.
        name: The name of its value; `options_of` sets it to the name of the field.
        metavar: What stands for the value in help; empty for a switch.
        type: Turns the typed word into the value; raises ValueError for a bad one.
        words: How many words it takes; 0 for a switch.
        const: The value of a switch.
        repeat: Whether it may be given several times; the value is then a list.
        required: Whether it must be given.
        default: The value where it is not given.
        safe_way: For a secret: the safe way to give it. A value that is typed is refused and not
            repeated; the flag alone has the value True.
        values: What completes its value: words, or what the server is asked for.
        listed: Whether its value is a list with commas, each part of which is completed.
        offered: Whether completion offers its flag; not for one whose every value is refused.
        undeclared: Whether ``--key value`` pairs that are not declared are added to its value.
        sent: Whether launch sends its value unchanged, under its own name.
        reported: How the server reports an option that describes the model of a launch; None for
            every other option.
    """

    flags: tuple[str, ...] = field(kw_only=False)
    help: str
    name: str = ""
    metavar: str = ""
    type: Callable[[str], Any] = str
    words: int = 1
    const: Any = True
    repeat: bool = False
    required: bool = False
    default: Any = None
    safe_way: str = ""
    values: tuple[str, ...] | Values = ()
    listed: bool = False
    offered: bool = True
    undeclared: bool = False
    sent: bool = False
    reported: Reported | None = None

    @property
    def positional(self) -> bool:
        """Whether it is a word without a flag."""
        return not self.flags[0].startswith("-")

    @property
    def shortest(self) -> str:
        """Its letter, or the long flag where it has none."""
        return min(self.flags, key=len)

    @property
    def placeholder(self) -> str:
        """What stands for the value in help; empty for a switch."""
        if self.words == 0:
            return ""
        return self.metavar or self.flags[0].lstrip("-").replace("-", "_").upper()

    @property
    def either_way(self) -> str:
        """The placeholder of a word, and the flags by which the same can be given."""
        flags = ", ".join(self.flags[1:])
        return self.placeholder + (f" or {flags} {self.placeholder}" if flags else "")

    @property
    def explained(self) -> str:
        """The line for people, with the words that are possible and the default."""
        words = self.values if isinstance(self.values, tuple) else ()
        listed = ", ".join(words)
        possible = f" One of {listed}." if len(words) > _LISTED else ""
        default = str(self.default).lower() if isinstance(self.default, bool) else self.default
        left_out = "" if default is None or "default" in self.help else f" Default: {default}."
        return f"{self.help}{possible}{left_out}"

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Declare this option, or this word without a flag, to `parser`."""
        help_text = self.explained.replace("%", "%%")
        names, dest = ([self.name], {}) if self.positional else (self.flags, {"dest": self.name})
        keywords = {"help": help_text, "default": self.default, **dest, **self._value()}
        parser.add_argument(*names, **keywords)

    def _value(self) -> dict[str, Any]:
        """Describe to argparse the word itself, or what stands behind the flag."""
        if self.positional:
            one, several = (None, "+") if self.required else ("?", "*")
            nargs = several if self.repeat else one
            return {"metavar": self.either_way, "type": self.type, "nargs": nargs}
        if self.safe_way:
            return {"nargs": "?", "const": True, "type": partial(readers.secret, self.safe_way)}
        if self.words == 0:
            return {"action": "store_const", "const": self.const}
        together = self.words > 1
        return {
            "metavar": tuple(self.placeholder.split()) if together else self.placeholder,
            "nargs": self.words if together else None,
            "action": "append" if self.repeat else "store",
            "type": self.type,
            "required": self.required,
        }


def given(option: Option, *others: Option) -> Any:
    """Declare a field of a command's options.

    Args:
        option: The option that sets it; its default is the field's.
        others: Further options that set the same field to another value, as ``--no-think`` does.
    """
    declared = {"options": (option, *others)}
    if option.required:
        return field(metadata=declared)
    if option.undeclared or option.default == {}:
        return field(default_factory=dict, metadata=declared)
    return field(default=option.default, metadata=declared)


def options_of(kind: type[Any]) -> tuple[Option, ...]:
    """List the options that a dataclass declares: its own first, then those of its bases."""
    every = {each.name: each.metadata.get("options", ()) for each in fields(kind)}
    inherited = [
        option.name for base in kind.__bases__ if is_dataclass(base) for option in options_of(base)
    ]
    names = [*(name for name in every if name not in inherited), *dict.fromkeys(inherited)]
    return tuple(replace(option, name=name) for name in names for option in every[name])


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """The options of a command that has none."""
