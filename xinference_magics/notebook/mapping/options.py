"""The options of ``%%map``."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass, replace
from typing import Any

from xinference_magics.notebook.chatting.options import (
    MAX_TOKENS,
    MODEL,
    PARAMETER,
    TEMPERATURE,
)
from xinference_magics.notebook.command_line.option import (
    API_KEY,
    ENDPOINT,
    Option,
    Values,
    given,
)
from xinference_magics.notebook.command_line.readers import count, names, not_empty, variable

_FILES = (".csv", ".jsonl", ".parquet", ".gz", ".ndjson", ".tsv", ".pq")


def _out(text: str) -> str:
    """Read the name of a variable, or the path of a file of rows."""
    return text if text.lower().endswith(_FILES) else variable(text)


def _at_once(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return count(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"{text!r} is neither a number above 0 nor auto") from None


def _prefix(text: str) -> str:
    if text and not text.isidentifier():
        raise ArgumentTypeError(f"{text!r} cannot begin the name of a column")
    return text


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """The options of ``%%map``.

    Attributes:
        data: The expression before the options.
    """

    data: str = ""
    out: str | None = given(
        Option(
            ("--out", "-o"),
            help=(
                "Variable to keep the data with its answers in, or a .csv, .jsonl or .parquet file "
                "to write it to."
            ),
            metavar="NAME",
            type=_out,
        )
    )
    model: str | None = given(replace(MODEL, values=Values.CHATS))
    compare: tuple[str, ...] | None = given(
        Option(
            ("--compare",),
            help="Ask several models, each of which gets columns of its own.",
            metavar="UID,UID,...",
            type=names,
            values=Values.CHATS,
            listed=True,
        )
    )
    system: str | None = given(
        Option(("--system", "-s"), help="System prompt of every row.", metavar="TEXT")
    )
    temperature: float | None = given(TEMPERATURE)
    max_tokens: int | None = given(MAX_TOKENS)
    parameter: list[tuple[str, Any]] | None = given(PARAMETER)
    schema: str | None = given(
        Option(
            ("--schema",),
            help="Schema of the answers, whose fields become columns: a Pydantic class, a "
            "TypedDict, a dataclass or a JSON schema.",
            metavar="NAME",
            type=not_empty,
        )
    )
    retries: int = given(
        Option(
            ("--retries",),
            help="Retries when an answer does not match the schema.",
            metavar="N",
            type=count,
            default=0,
        )
    )
    think: bool | None = given(
        Option(("--think",), help="Turn reasoning on in a hybrid model.", words=0),
        Option(("--no-think",), help="Turn reasoning off in a hybrid model.", words=0, const=False),
    )
    limit: int | None = given(
        Option(("--limit",), help="Only the first N rows.", metavar="N", type=count)
    )
    sample: int | None = given(
        Option(
            ("--sample",),
            help="Only N rows, chosen at random but always the same.",
            metavar="N",
            type=count,
        )
    )
    concurrency: int | None = given(
        Option(
            ("--concurrency",),
            help="How many requests at once, or auto to find out (default: auto).",
            metavar="N",
            type=_at_once,
        )
    )
    retry_failed: bool | None = given(
        Option(("--retry-failed",), help="Ask only the rows that failed in the last run.", words=0)
    )
    fresh: bool | None = given(
        Option(("--fresh",), help="Ask again for answers that are stored.", words=0)
    )
    background: bool | None = given(
        Option(
            ("--background", "--bg"),
            help="Run while other cells run; returns an object with done, stop() and frame.",
            words=0,
        )
    )
    show_prompt: bool | None = given(
        Option(
            ("--show-prompt",),
            help="Show the prompt of the first row and estimate the tokens of all; send nothing.",
            words=0,
        )
    )
    prefix: str = given(
        Option(
            ("--prefix",),
            help="Put before the names of the new columns.",
            metavar="TEXT",
            type=_prefix,
            default="",
        )
    )
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)

    implied_prompt = ""

    @property
    def conflict(self) -> str:
        """Which options conflict, and what to do about it; empty if none do."""
        if self.compare and self.model is not None:
            return "-m and --compare cannot be combined: name that model in --compare"
        if self.limit is not None and self.sample is not None:
            return "--limit and --sample cannot be combined: leave one out"
        if self.fresh and self.retry_failed:
            return "--fresh and --retry-failed cannot be combined: leave one out"
        if self.compare and (self.retry_failed or self.background):
            return "--compare works alone: leave out --retry-failed and --bg"
        return ""
