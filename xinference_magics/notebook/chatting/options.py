"""The options of ``%%chat`` and ``%%generate``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from xinference_magics.display.formats import FORMATS
from xinference_magics.notebook.command_line.option import (
    API_KEY,
    BOOLEANS,
    ENDPOINT,
    Option,
    Values,
    given,
)
from xinference_magics.notebook.command_line.readers import (
    boolean,
    count,
    names,
    not_empty,
    one_of,
    pair,
    ranges,
    variable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _format(text: str) -> str:
    return one_of(FORMATS, "format", "markdown" if text == "md" else text)


MODEL = Option(
    ("--model", "-m", "--model-uid"),
    help="UID of the model to ask, or $name of a variable with one (default: the one in use).",
    metavar="UID",
    type=not_empty,
)
TEMPERATURE = Option(
    ("--temperature", "-t"),
    help="Randomness; 0 always picks the likeliest token.",
    metavar="T",
    type=float,
)
MAX_TOKENS = Option(
    ("--max-tokens", "--max_tokens"),
    help="Maximum answer length in tokens.",
    metavar="N",
    type=count,
)
PARAMETER = Option(
    ("--parameter", "-p"),
    help="Any other generation parameter.",
    metavar="KEY=VALUE",
    type=pair,
    repeat=True,
    values=Values.PARAMETER,
)
OUT = Option(("--out", "-o"), help="Variable to keep the turn in.", metavar="NAME", type=variable)
RAW = Option(("--raw",), help="Send braces as they are; insert nothing.", words=0)
_STREAM = Option(
    ("--stream",),
    help="Show the answer as it arrives, or only once it is complete.",
    metavar="BOOL",
    type=boolean,
    default=True,
    values=BOOLEANS,
)


@dataclass(frozen=True, kw_only=True)
class ChatOptions:
    """The options of ``%%chat``."""

    SECTIONS: ClassVar[Mapping[str, Sequence[str]]] = {
        "who answers": ("model", "compare", "endpoint"),
        "what is sent": (
            *("system", "image", "audio", "video", "file"),
            *("context", "cells", "fix", "raw", "show_prompt"),
        ),
        "how it is answered": (
            *("temperature", "max_tokens", "parameter", "think"),
            *("tools", "confirm", "schema", "retries"),
        ),
        "what becomes of the answer": ("format", "out", "stream", "background"),
        "conversation": ("conversation", "new", "once"),
    }

    model: str | None = given(replace(MODEL, values=Values.CHATS))
    compare: tuple[str, ...] | None = given(
        Option(
            ("--compare",),
            help="Ask several models at the same time and show them side by side.",
            metavar="UID,UID,...",
            type=names,
            values=Values.CHATS,
            listed=True,
        )
    )
    system: str | None = given(
        Option(("--system", "-s"), help="System prompt for this turn.", metavar="TEXT")
    )
    temperature: float | None = given(TEMPERATURE)
    max_tokens: int | None = given(MAX_TOKENS)
    parameter: list[tuple[str, Any]] | None = given(PARAMETER)
    format: str = given(
        Option(
            ("--format", "-f"),
            help="How to show the answer; code also goes into the next cell.",
            metavar="FORMAT",
            type=_format,
            default="markdown",
            values=tuple(FORMATS),
        )
    )
    think: bool | None = given(
        Option(("--think",), help="Turn reasoning on in a hybrid model.", words=0),
        Option(("--no-think",), help="Turn reasoning off in a hybrid model.", words=0, const=False),
    )
    context: int | None = given(
        Option(
            ("--context",),
            help="Also send the last cells, with their outputs.",
            metavar="N",
            type=count,
        )
    )
    cells: list[int] | None = given(
        Option(
            ("--cells",),
            help="Also send these cells, with their outputs, such as 3-7 or 1,4.",
            metavar="NUMBERS",
            type=ranges,
        )
    )
    fix: bool | None = given(
        Option(
            ("--fix",),
            help="Also send the last error and its cell, to have it explained and fixed.",
            words=0,
        )
    )
    show_prompt: bool | None = given(
        Option(("--show-prompt",), help="Show what would be sent, and send nothing.", words=0)
    )
    image: list[str] | None = given(
        Option(
            ("--image",),
            help="Attach an image: an expression, a file or a URL.",
            metavar="IMAGE",
            type=not_empty,
            repeat=True,
        )
    )
    audio: list[str] | None = given(
        Option(
            ("--audio",),
            help="Attach a sound: an expression, a file or a URL.",
            metavar="AUDIO",
            type=not_empty,
            repeat=True,
        )
    )
    video: list[str] | None = given(
        Option(
            ("--video",),
            help="Attach a video: an expression, a file or a URL.",
            metavar="VIDEO",
            type=not_empty,
            repeat=True,
        )
    )
    file: list[str] | None = given(
        Option(
            ("--file",),
            help="Attach a file: text, PDF, image, sound or video.",
            metavar="PATH",
            type=not_empty,
            repeat=True,
        )
    )
    tools: str | None = given(
        Option(
            ("--tools",),
            help="Functions or tools that the model may call, such as f,g.",
            metavar="TOOLS",
            type=not_empty,
        )
    )
    confirm: bool | None = given(Option(("--confirm",), help="Ask before each tool call.", words=0))
    schema: str | None = given(
        Option(
            ("--schema",),
            help=(
                "Schema of the answer: a Pydantic class, a TypedDict, a dataclass, a JSON schema, "
                "or a type such as list[Person]."
            ),
            metavar="NAME",
            type=not_empty,
        )
    )
    retries: int = given(
        Option(
            ("--retries",),
            help="Retries when the answer does not match the schema.",
            metavar="N",
            type=count,
            default=0,
        )
    )
    out: str | None = given(OUT)
    raw: bool | None = given(RAW)
    conversation: str | None = given(
        Option(
            ("--conversation", "-c"),
            help="Conversation to continue or start (default: the current one).",
            metavar="NAME",
            type=not_empty,
            values=Values.CONVERSATION,
        )
    )
    new: bool | None = given(Option(("--new",), help="Start the conversation over.", words=0))
    once: bool | None = given(
        Option(
            ("--once",),
            help="Ask outside any conversation: no earlier turns sent, nothing kept.",
            words=0,
        )
    )
    background: bool | None = given(
        Option(
            ("--background", "--bg"),
            help=(
                "Answer while other cells run; returns an object with done, stop() and result()."
            ),
            words=0,
        )
    )
    stream: bool = given(_STREAM)
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)

    @property
    def conflict(self) -> str:
        """Which options conflict, and what to do about it; empty if none do."""
        if self.schema is not None and self.tools is not None:
            return "--schema and --tools cannot be combined: leave one out"
        if self.compare and self.model is not None:
            return "-m and --compare cannot be combined: name that model in --compare"
        if self.compare and self.confirm:
            return "--confirm works with one model only: leave out --compare"
        if self.background and (conflict := self._conflict_with_background()):
            return conflict
        return self._without_effect()

    def _without_effect(self) -> str:
        """Return which option would be ignored, and what to do; empty if none would."""
        if self.confirm and self.tools is None:
            return "--confirm asks before tool calls, and there are no tools: add --tools f,g"
        if self.retries and self.schema is None:
            return "--retries asks again if an answer does not match a schema: add --schema NAME"
        if self.once and self.new:
            return "--once is outside any conversation: leave out --new"
        if self.once and self.conversation is not None:
            return f"--once is outside any conversation: leave out -c {self.conversation}"
        return ""

    def _conflict_with_background(self) -> str:
        """Return the conflict with an option that needs the cell to wait; empty if none."""
        if self.tools is not None:
            return "--tools cannot run in the background: leave out --bg"
        if self.compare:
            return "--compare cannot run in the background: leave out --bg"
        if self.confirm:
            return "--confirm cannot ask you in the background: leave out --bg"
        return "" if self.stream else "--stream false and --bg cannot be combined: leave one out"

    @property
    def implied_prompt(self) -> str:
        """The prompt to send if none is given; empty if one is required."""
        return "Explain the error, and show how to fix it." if self.fix else ""


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """The options of ``%%generate``."""

    model: str | None = given(replace(MODEL, values=Values.CONTINUES))
    temperature: float | None = given(TEMPERATURE)
    max_tokens: int | None = given(MAX_TOKENS)
    parameter: list[tuple[str, Any]] | None = given(PARAMETER)
    out: str | None = given(OUT)
    raw: bool | None = given(RAW)
    stream: bool = given(_STREAM)
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)

    conflict = ""
    implied_prompt = ""
