"""Prompts over data, and their answers: map, answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.notebook.command_line.arguments import leading_options
from xinference_magics.notebook.command_line.option import Option, given, other_letters
from xinference_magics.notebook.commands.command import YES, Command, PromptCommand, confirm
from xinference_magics.notebook.commands.launch_options import LaunchOptions
from xinference_magics.notebook.mapping.options import MapOptions
from xinference_magics.notebook.results.rows import done

if TYPE_CHECKING:
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.results.answers import StoredAnswers
    from xinference_magics.notebook.results.rows import Done
    from xinference_magics.notebook.session.session import Session


class _MapCommand(PromptCommand[MapOptions]):
    """A command whose line begins with an expression."""

    def read(self, line: str, cell: str | None) -> tuple[MapOptions, str]:
        """Split the input into options, with the expression, and prompt.

        Raises:
            UsageError: An option is invalid, or there is no data or no prompt.
        """
        with interrupts.deferred_sigint():
            from xinference_magics.notebook.mapping.data_line import split

        parser = self.parser("%%map")
        before, rest = leading_options(line, parser)
        data, rest = split(rest)
        words, rest = leading_options(rest, parser)
        words = [*before, *words]
        parser.reject_contradictions(words)
        options = parser.parse(words, data=data)
        if rest.strip():
            parser.error(f"unexpected {rest.strip()!r}: the prompt goes on the lines below")
        if not data:
            parser.error("the data is missing: %%map DATA -o NAME")
        text = (cell or "").removesuffix("\n")
        if not text.strip():
            parser.error("there is no prompt: it goes on the lines below")
        if options.conflict:
            parser.error(options.conflict)
        return options, text


def map_data(cell: CellContext, options: MapOptions, text: str) -> Any:
    """Ask a prompt for each row of data."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.mapping import mapping
    return mapping.map_cell(cell, options, text)


@dataclass(frozen=True, kw_only=True)
class AnswersOptions:
    """The options of ``%xinference answers``."""

    text: str | None = given(
        Option(("text",), help="Only answers with this text in them, or in their prompts.")
    )
    clear: bool | None = given(Option(("--clear",), help="Remove them from the store.", words=0))
    yes: bool | None = given(YES)


def answers(session: Session, options: AnswersOptions) -> StoredAnswers | Done:
    """List or remove the stored answers to rows."""
    from xinference_magics.display.amounts import counted, size
    from xinference_magics.notebook.results.answers import StoredAnswers

    store, text = session.answers, options.text or ""
    count = store.count(text)
    if options.clear:
        if count:
            confirm(options.yes, f"Remove {counted(count, 'stored answer')} from {store.path}?")
        said = f"Removed {counted(store.clear(text), 'stored answer')}."
        return done(session, said, str(store.path))
    found = StoredAnswers(store.search(text, _MOST_SHOWN))
    newest = f", of which the newest {len(found)} are shown" if count > len(found) else ""
    found.caption = f"{counted(count, 'answer')}{newest}; {size(store.bytes)} in {store.path}"
    return found


_MOST_SHOWN = 100

COMMANDS = (
    Command(
        "answers",
        "Search the stored answers to the rows of %%map, or remove them.",
        answers,
        AnswersOptions,
        ("%xinference answers Paris", "%xinference answers --clear"),
    ),
    _MapCommand(
        "map",
        "Ask a prompt for each row of data; %%map is the same.",
        map_data,
        MapOptions,
        (
            "%%map reviews -o labelled\nIs this review positive? {{text}}",
            "%%map reviews.csv -o labelled.parquet --schema Verdict\nHow do they feel? {{text}}",
        ),
        note=other_letters(MapOptions, "%xinference launch", LaunchOptions),
    ),
)
