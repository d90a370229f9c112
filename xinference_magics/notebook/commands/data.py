"""Prompts over data: map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.notebook.command_line.arguments import leading_options
from xinference_magics.notebook.command_line.option import other_letters
from xinference_magics.notebook.commands.command import PromptCommand
from xinference_magics.notebook.commands.launch_options import LaunchOptions
from xinference_magics.notebook.mapping.options import MapOptions

if TYPE_CHECKING:
    from xinference_magics.notebook.cell_context import CellContext


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


COMMANDS = (
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
