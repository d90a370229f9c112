"""A run over data: what `map_rows` returns and ``%%map`` leaves in its cell."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from xinference_magics.data.completed import Completed
from xinference_magics.data.failures import line
from xinference_magics.data.feed import Feed
from xinference_magics.data.files import flat
from xinference_magics.data.pipeline import Pipeline, Stopped
from xinference_magics.data.progress import Progress
from xinference_magics.data.results import Results
from xinference_magics.errors import NotebookError
from xinference_magics.notes import collected_notes, note
from xinference_magics.plain import shortened
from xinference_magics.shown import Shown
from xinference_magics.transport.limiter import MOST, Limiter, Slots, usual_slots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    from xinference_magics.data.asking import Answer, Asker
    from xinference_magics.data.columns import Column
    from xinference_magics.data.feed import Prepared
    from xinference_magics.data.rows import Data
    from xinference_magics.data.store import AnswerStore
    from xinference_magics.data.written import Written

_STEP_SECONDS = 0.05
"""Seconds between checks while a thread waits, so that an interrupt is heard."""
_SHOWN_CHARS = 200
"""Characters of a prompt or an answer among the last rows."""


class MapRun(Shown):
    """A run over the rows of data; it starts at once, on a thread of its own.

    Args:
        data: The rows.
        prompt: Makes the prompt of a row.
        asker: Asks for the answers.
        store: Where answers are stored; None for nowhere.
        concurrency: How many requests at once; None to find out.
        slots: How many the model answers at once, if its launch is known.
        fresh: Whether to ask again for answers that are stored.
        only: The numbers of the rows to ask; None for all.
        prefix: Put before the names of the columns.
        suffix: Put after them.
        written: Where rows are written instead of kept.
        earlier: A run whose results the other rows have.
    """

    def __init__(  # noqa: PLR0913  # the parts of a run
        self,
        data: Data,
        prompt: Callable[[Any], Any],
        asker: Asker,
        store: AnswerStore | None,
        *,
        concurrency: int | None = None,
        slots: Slots | None = None,
        fresh: bool = False,
        only: Collection[int] | None = None,
        prefix: str = "",
        suffix: str = "",
        written: Written | None = None,
        earlier: MapRun | None = None,
    ) -> None:
        self._data = data
        self._prompt = prompt
        self._asker = asker
        self._store = store
        self._concurrency = concurrency
        self._slots = slots
        self._fresh = fresh
        self._only = only
        self._prefix = prefix
        self._written = written
        before: Results | None = None if earlier is None else earlier.results
        self.results: Results = Results(asker, prefix, suffix, before)
        self._order: list[int] = []
        self._arrived = threading.Condition()
        self._finished = threading.Event()
        self._stop_wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._feed: Feed | None = None
        self._notes: list[str] = []
        self.error: Exception | None = None
        total = data.size if only is None else len(only)
        self.progress = Progress(total=total)

    def start(self) -> MapRun:
        """Start it."""
        with collected_notes() as self._notes:
            context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run,), name="xinference-magics-map", daemon=True
        )
        self._thread.start()
        return self

    # What a user asks

    @property
    def done(self) -> bool:
        """Whether it has ended in any way."""
        return self._finished.is_set()

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it."""
        return self._stop_wanted

    @property
    def frame(self) -> Any:
        """The data with the columns of the answers and `error`, once the run has ended.

        A run that ended early has it, too: rows that were not reached say so in `error`.
        """
        self._wait()
        if self._written is not None:
            return self._written.path
        return self._data.joined(self.columns())

    @property
    def failed(self) -> list[tuple[int, str]]:
        """The numbers of the rows that failed, each with its error."""
        return self.results.failed

    def columns(self) -> list[Column]:
        """Return the columns that it adds to the data."""
        return self.results.columns(self.reached)

    @property
    def failed_rows(self) -> set[int]:
        """The numbers of the rows that failed."""
        return {number for number, each in self.results.items() if isinstance(each, Exception)}

    @property
    def usage(self) -> dict[str, int]:
        """The tokens of the requests of this run."""
        return self.progress.usage

    @property
    def seconds(self) -> float:
        """How long it took, or has been running."""
        return self.progress.seconds

    @property
    def rows_per_second(self) -> float:
        """Rows asked in each second."""
        return self.progress.rows_per_second

    @property
    def name(self) -> str:
        """What answers."""
        return self._asker.name

    @property
    def label(self) -> str:
        """A short description of it."""
        return f"Run of {self.name}: {self.progress.done:,} rows"

    @property
    def width(self) -> int:
        """How many columns it adds."""
        return self.results.width

    @property
    def reached(self) -> int:
        """How many rows the result has: all of them, or those that were read."""
        if self._data.size is not None:
            return self._data.size
        return self._feed.read if self._feed else 0

    @property
    def not_reached(self) -> int:
        """How many rows of the result have neither an answer nor a failure."""
        return 0 if self._written else self.reached - len(self.results)

    def preview(self, count: int) -> tuple[list[str], list[dict[str, Any]]]:
        """Return the names of the columns and the first rows of the result, as far as kept."""
        if self._written is not None:
            return [], []
        rows = self._data.first(min(count, self.reached))
        made = [{**flat(row), **self.results.named(number)} for number, row in enumerate(rows)]
        return list(dict.fromkeys(name for row in made for name in row)), made

    @property
    def at_once(self) -> str:
        """How many requests it sends at once, and why."""
        return f"{self.progress.at_once} ({self.progress.why})"

    def take_notes(self) -> list[str]:
        """Return notes on what did not fail, such as values that were cut; each once."""
        notes, self._notes = self._notes, []
        return list(dict.fromkeys(notes))

    def stop(self) -> None:
        """Stop it now; every answer that has arrived is kept."""
        self._stop_wanted = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(task.cancel)

    def stop_and_wait(self, seconds: float) -> None:
        """Stop it if it is still going on, and wait until what has arrived is stored."""
        if not self.done:
            self.stop()
        self._finished.wait(seconds)

    def wait_briefly(self, seconds: float) -> bool:
        """Wait for some time, and return whether it has ended."""
        return self._finished.wait(seconds)

    def wait(self, timeout: float | None = None) -> MapRun:
        """Wait until it has ended, and return it.

        Args:
            timeout: Seconds after which to give up; None waits indefinitely.

        Raises:
            XinferenceError: The run could not go on; what was answered is in `frame`.
            TimeoutError: It did not end in time; it keeps running.
            KeyboardInterrupt: The wait was interrupted, which stops the run.
        """
        if not self._wait(timeout):
            raise TimeoutError(f"The run did not end within {timeout:g} s.")
        if self.error is not None:
            raise self.error
        return self

    def as_completed(self) -> Completed:
        """Return the rows as they are done: their numbers, each with its answer or its exception.

        It can be iterated over in a ``for`` and in an ``async for``.
        """
        return Completed(self)

    def retry_failed(self) -> MapRun:
        """Start a run that asks the failed rows again, and has the answers of this one, too."""
        self._wait()
        if self._written is not None:
            raise NotebookError(
                "Its rows were written to a file.", hint="Run it again: only what failed is asked."
            )
        return MapRun(
            self._data.again(),
            self._prompt,
            self._asker.again(),
            self._store,
            concurrency=self._concurrency,
            slots=self._slots,
            only=self.failed_rows,
            prefix=self._prefix,
            earlier=self,
        ).start()

    def __await__(self) -> Generator[Any, None, MapRun]:
        return self._ended_later().__await__()

    def __repr__(self) -> str:
        figures = self.progress
        of_all = "" if figures.total is None else f" of {figures.total:,}"
        how = "running" if not self.done else "failed" if self.error else "done"
        how = "stopped" if self.done and self._stop_wanted and not self.error else how
        return (
            f"MapRun({self._asker.name!r}, {how}: {figures.done:,}{of_all} rows, "
            f"{figures.failed:,} failed, {self.seconds:.1f} s)"
        )

    # How it runs

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._answered())
        except asyncio.CancelledError:
            pass
        except Stopped as stopped:
            self.error = stopped.error
        except Exception as error:  # noqa: BLE001  # raised to whoever waits
            self.error = error
        finally:
            self._end()

    async def _answered(self) -> None:
        self._task = asyncio.current_task()
        if self._stop_wanted:
            return
        async with self._asker.opened(self._store):
            limiter = self._limiter()
            self._feed = Feed(
                iter(self._data),
                self._prompt,
                self._asker,
                self._store,
                fresh=self._fresh,
                only=self._only,
            )
            pipeline = Pipeline(
                self._feed, self._asker, self._store, limiter, self.progress, self._deliver
            )
            if self._written is not None:
                pipeline.may_read = self._written.has_room
            await pipeline.run()

    def _limiter(self) -> Limiter:
        if self._concurrency is not None:
            return Limiter.fixed(self._concurrency)
        slots = self._slots or self._asker.slots or usual_slots(None)
        self.progress.replicas = slots.replicas
        return Limiter(slots.total, most=MOST, why=str(slots))

    def _deliver(self, rows: list[tuple[Prepared, Answer | Exception]]) -> None:
        progress = self.progress
        for row, result in rows:
            progress.done += 1
            if isinstance(result, Exception):
                progress.failed += 1
            else:
                progress.cut += result.cut
            if self._written is None:
                self.results[row.index] = result
                self._order.append(row.index)
        for row, result in rows[-_LAST:]:
            said = line(result) if isinstance(result, Exception) else str(result.value)
            asked = "" if row.asked is None else self._asker.text(row.asked)
            last = shortened(asked, _SHOWN_CHARS), shortened(said, _SHOWN_CHARS)
            progress.last.append((row.index, *last))
        if self._written is not None:
            self._written.take(
                (row.index, row.row, self.results.cells(result)) for row, result in rows
            )
        with self._arrived:
            self._arrived.notify_all()

    def _end(self) -> None:
        self.progress.ended = time.monotonic()
        try:
            if self._written is not None:
                self._written.close()
        except Exception as error:  # noqa: BLE001  # raised to whoever waits
            self.error = self.error or error
        finally:
            self._finished.set()
            with self._arrived:
                self._arrived.notify_all()

    def _wait(self, timeout: float | None = None) -> bool:
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while not self._finished.wait(_STEP_SECONDS):
                if until is not None and time.monotonic() >= until:
                    return False
        except KeyboardInterrupt:
            self.stop()
            self._finished.wait(_STOP_SECONDS)
            raise
        for sentence in self.take_notes():
            note(sentence)
        return True

    async def _ended_later(self) -> MapRun:
        try:
            while not self.done:  # noqa: ASYNC110  # another thread ends it
                await asyncio.sleep(_STEP_SECONDS)
        except asyncio.CancelledError:
            self.stop()
            raise
        return self.wait()


_LAST = 5
_STOP_SECONDS = 10.0
"""Seconds that a stopped run has to store what has arrived and close its connections."""
