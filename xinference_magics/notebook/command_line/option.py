"""One option of a magic, declared once for the parser, help, completion and reference.

The options of a command are the fields of a frozen dataclass, each declared by `given`. The parser
returns an instance of it. Options that several commands share are here, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.registrations import MODEL_TYPES
from xinference_magics.notebook.command_line import readers
from xinference_magics.notebook.command_line.readers import (
    count,
    not_empty,
    one_of,
    secret,
    server,
    size,
    variable,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence


_LISTED = 2
"""Up to this many choices, help leaves them to the placeholder, as in BOOL."""


class Values(Enum):
    """Kinds of values that completion looks up, such as on the server; named as users see them."""

    MODEL = "model"
    ENGINE = "engine"
    FORMAT = "format"
    SIZE = "size"
    QUANTIZATION = "quantization"
    RUNNING = "running model"
    CHATS = "chat model"
    CONTINUES = "text model"
    PAINTS = "image model"
    HEARS = "transcribing model"
    READS = "OCR model"
    SPEAKS = "speaking model"
    LOADING = "loading model"
    WORKER = "worker"
    PARAMETER = "parameter"
    CONVERSATION = "conversation"
    COMPARED = "compared model"


class Reported(Enum):
    """Whether the server reports a launch option for a running model.

    A launch reuses a running model only if that is known to be the one requested.
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
        help: One line of help.
        name: The name of its value; `options_of` sets it to the name of the field.
        metavar: The placeholder for the value in help; empty for a switch.
        type: Converts the word to the value; raises ValueError or ArgumentTypeError for a bad one.
        words: Number of words it takes; 0 for a switch.
        const: The value of a switch.
        repeat: Whether it may be given several times; the value is then a list.
        required: Whether it must be given.
        default: The value if it is not given.
        safe_way: For a secret: the safe way to provide it. A typed value is rejected without being
            repeated; the flag alone has the value True.
        values: Completions of its value: fixed words, or the kind of values to look up.
        listed: Whether its value is a comma-separated list whose items are completed one by one.
        offered: Whether completion offers its flag; False if every value is rejected.
        undeclared: Whether undeclared ``--key value`` pairs are added to its value.
        leading: Whether a first word without a flag is its value, too, as in ``launch NAME``.
        sent: Whether a launch sends its value unchanged, under its own name.
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
    leading: bool = False
    sent: bool = False
    reported: Reported | None = None

    @property
    def positional(self) -> bool:
        """Whether it is a word without a flag."""
        return not self.flags[0].startswith("-")

    @property
    def shortest(self) -> str:
        """Its letter, or the long flag if it has none."""
        return min(self.flags, key=len)

    @property
    def placeholder(self) -> str:
        """The placeholder for the value in help; empty for a switch."""
        if self.words == 0:
            return ""
        return self.metavar or self.flags[0].lstrip("-").replace("-", "_").upper()

    @property
    def either_way(self) -> str:
        """The placeholder of a positional, and the flags that give the same value."""
        flags = ", ".join(self.flags[1:])
        return self.placeholder + (f" or {flags} {self.placeholder}" if flags else "")

    @property
    def explained(self) -> str:
        """The help line, with the possible values and the default."""
        words = self.values if isinstance(self.values, tuple) else ()
        listed = ", ".join(words)
        possible = f" One of {listed}." if len(words) > _LISTED else ""
        default = str(self.default).lower() if isinstance(self.default, bool) else self.default
        left_out = "" if default is None or "default" in self.help else f" Default: {default}."
        return f"{self.help}{possible}{left_out}"

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add this option or positional to a parser, or to a group of one."""
        help_text = self.explained.replace("%", "%%")
        names, dest = ([self.name], {}) if self.positional else (self.flags, {"dest": self.name})
        keywords = {"help": help_text, "default": self.default, **dest, **self._value()}
        parser.add_argument(*names, **keywords)

    def _value(self) -> dict[str, Any]:
        """Return argparse's keywords for the positional, or for the value of the flag."""
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
        option: The option that sets the field; its default is the field's.
        others: Further options that set the same field to another value, such as ``--no-think``.
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


def sections_of(kind: type[Any]) -> list[tuple[str, list[Option]]]:
    """List the options by the headings of the help; what is refused comes last.

    The headings are those of the dataclass's `SECTIONS`: for each, the names of its options. All
    other options share one list without a heading, or the last one.
    """
    options = options_of(kind)
    sections: Mapping[str, Sequence[str]] = getattr(kind, "SECTIONS", {})
    listed = [
        (title, [option for name in names for option in options if option.name == name])
        for title, names in sections.items()
    ]
    named = {name for names in sections.values() for name in names}
    rest = sorted(
        (option for option in options if option.name not in named),
        key=lambda option: not option.offered,
    )
    return [*listed, ("other" if listed else "", rest)]


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """The options of a command that has none."""


BOOLEANS = ("true", "false")

ENDPOINT = Option(
    ("--endpoint", "-e"),
    help="Xinference endpoint, for this command and later ones.",
    type=server,
)
AS_NAME = Option(
    ("--as",),
    help="Name of the LangChain object (default: %config XinferenceMagics.name).",
    metavar="NAME",
    type=variable,
)
WORKER_IP = Option(
    ("--worker-ip",), help="Worker to run on.", metavar="ADDRESS", values=Values.WORKER
)
ONLY_WORKER = Option(
    ("--worker-ip", "-w"), help="Only on this worker.", metavar="ADDRESS", values=Values.WORKER
)
API_KEY = Option(
    ("--api-key", "-ak"),
    help="Not accepted: a key typed here would be saved with the notebook.",
    type=partial(secret, "set XINFERENCE_API_KEY, or use %xinference login"),
    offered=False,
)
MODEL_NAME = Option(
    ("--model-name", "-n"),
    help="Name of the model; as the first word, it needs no -n.",
    metavar="NAME",
    type=not_empty,
    required=True,
    values=Values.MODEL,
    leading=True,
)
MODEL_TYPE = Option(
    ("--model-type", "-t"),
    help="Model type.",
    metavar="TYPE",
    type=partial(one_of, MODEL_TYPES, "type of model"),
    default="LLM",
    values=MODEL_TYPES,
)
MODEL_ENGINE = Option(
    ("--model-engine", "-en"),
    help="Inference engine (default: one that can run it).",
    metavar="ENGINE",
    values=Values.ENGINE,
)
SIZE = Option(
    ("--size-in-billions", "-s"),
    help="Size in billions of parameters, such as 7, 0_5 or 1.8.",
    metavar="SIZE",
    type=size,
    values=Values.SIZE,
)
MODEL_FORMAT = Option(
    ("--model-format", "-f"),
    help="Model format, such as pytorch, ggufv2 or awq.",
    metavar="FORMAT",
    values=Values.FORMAT,
)
QUANTIZATION = Option(
    ("--quantization", "-q"),
    help="Quantization, such as none, q4_k_m or Int4.",
    metavar="NAME",
    values=Values.QUANTIZATION,
)
CONTEXT_LENGTH = Option(
    ("--context-length",),
    help="Maximum tokens per request, prompt and answer together.",
    metavar="N",
    type=count,
)
VIRTUAL_ENV = Option(("--enable-virtual-env",), help="Run in its own virtual environment.", words=0)
NO_VIRTUAL_ENV = Option(
    ("--disable-virtual-env",), help="Run in the server's environment.", words=0, const=False
)


def other_letters(options: type, command: str, others: type) -> str:
    """Describe which letters of `options` mean something else in another command."""
    long = {flag: option.flags[0] for option in options_of(others) for flag in option.flags}
    differ = [
        f"{flag} is {long[flag]} there"
        for option in options_of(options)
        for flag in option.flags
        if flag[:2] != "--" and long.get(flag, option.flags[0]) != option.flags[0]
    ]
    return f"Letters that mean something else in {command}: {', '.join(differ)}." if differ else ""
