"""``%%map``: ask a cell's prompt for each row of data, show how far it is, keep the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.data.askers import asker_for
from xinference_magics.data.files import kind_of
from xinference_magics.data.mapping import reject_taken, written_to
from xinference_magics.data.run import MapRun
from xinference_magics.data.sources import data_of
from xinference_magics.errors import NotebookError
from xinference_magics.notebook.chatting.building import parameters_of, with_uids
from xinference_magics.notebook.mapping.compared import ComparedRuns
from xinference_magics.notebook.mapping.data_line import meant
from xinference_magics.notebook.mapping.estimate import show_prompt
from xinference_magics.notebook.mapping.models import answering, slots_of
from xinference_magics.notebook.mapping.row_prompt import RowPrompt
from xinference_magics.notebook.mapping.watching import watch, watch_later
from xinference_magics.notebook.prompt.expand import evaluate

if TYPE_CHECKING:
    from xinference_magics.data.asking import Asker
    from xinference_magics.data.rows import Data
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.mapping.options import MapOptions


def map_cell(cell: CellContext, options: MapOptions, text: str) -> MapRun | ComparedRuns | None:
    """Ask for all rows and keep the result; with ``--show-prompt``, only show what would be sent.

    Args:
        cell: The cell that asks.
        options: The options of the cell.
        text: The prompt as typed.

    Raises:
        XinferenceError: Something is invalid and nothing was sent, or the run could not go on.
        KeyboardInterrupt: The kernel was interrupted; every answer is stored.
    """
    options = with_uids(options, cell.variables)
    rows = _rows(cell, options)
    prompt = RowPrompt(text, cell.variables, rows)
    prompt.check(cell.session)
    askers = [_asker(cell, options, name) for name in options.compare or [options.model]]
    if options.show_prompt:
        show_prompt(cell.session, askers, prompt, rows)
        return None
    if options.compare:
        return _compare(cell, options, prompt, rows, askers)
    return _run(cell, options, prompt, rows, askers[0])


def _rows(cell: CellContext, options: MapOptions) -> Data:
    rows = data_of(meant(options.data, cell.variables))
    if options.limit is not None:
        return rows.head(options.limit)
    return rows if options.sample is None else rows.sample(options.sample)


def _asker(cell: CellContext, options: MapOptions, name: str | None) -> Asker:
    schema = options.schema
    return asker_for(
        answering(cell, options, name),
        None if schema is None else evaluate(schema, cell.variables, option="--schema"),
        retries=options.retries,
        parameters=parameters_of(options, enable_thinking=options.think),
        system=cell.settings.system if options.system is None else options.system,
        store_key=None,
    )


def _run(
    cell: CellContext, options: MapOptions, prompt: RowPrompt, rows: Data, asker: Asker
) -> MapRun:
    names = reject_taken(rows, asker.fields, options.prefix)
    file = options.out if options.out and kind_of(options.out) else None
    earlier = _earlier(cell, options) if options.retry_failed else None
    run = MapRun(
        rows if file is None else rows.streamed(),
        prompt,
        asker,
        cell.session.answers,
        concurrency=options.concurrency,
        slots=slots_of(cell.session, asker),
        fresh=bool(options.fresh),
        only=earlier.failed_rows if earlier else None,
        prefix=options.prefix,
        written=written_to(file, names),
        earlier=earlier,
    )
    cell.session.runs.add(cell.execution, run)
    if options.background:
        if options.out and file is None:
            cell.namespace[options.out] = run
        return watch_later(cell, run)

    def keep() -> None:
        if options.out and file is None:
            cell.namespace[options.out] = run.frame

    return watch(cell, run, keep)


def _earlier(cell: CellContext, options: MapOptions) -> MapRun:
    """Return the run whose failed rows are asked again.

    Raises:
        NotebookError: There is none.
    """
    run = cell.session.runs.of(cell.execution)
    if run is None:
        raise NotebookError(
            "This cell has no earlier run in this kernel whose failed rows could be asked again.",
            hint="Leave out --retry-failed: what is stored is not asked again.",
        )
    if options.out and kind_of(options.out):
        raise NotebookError(
            "--retry-failed cannot write a file: the answers of the earlier run are in another.",
            hint="Leave it out: what is stored is not asked again.",
        )
    return run


def _compare(
    cell: CellContext, options: MapOptions, prompt: RowPrompt, rows: Data, askers: list[Asker]
) -> ComparedRuns:
    """Ask several models one after the other; each gets columns of its own."""
    if options.out and kind_of(options.out):
        raise NotebookError("--compare keeps its columns in a variable.", hint="Use -o NAME.")
    rows = rows.kept()
    for asker in askers:
        reject_taken(
            rows, {f"{n}_{asker.name}": kind for n, kind in asker.fields.items()}, options.prefix
        )
    runs = [
        MapRun(
            rows,
            prompt,
            asker,
            cell.session.answers,
            concurrency=options.concurrency,
            slots=slots_of(cell.session, asker),
            fresh=bool(options.fresh),
            prefix=options.prefix,
            suffix=f"_{asker.name}",
        )
        for asker in askers
    ]
    compared = ComparedRuns(rows, runs)

    def keep() -> None:
        if options.out:
            cell.namespace[options.out] = compared.frame

    with interrupts.sigint_as_event() as flag:
        for run in runs:
            if not (flag.is_set() or compared.stopped):
                watch(cell, run, keep)
    return compared
