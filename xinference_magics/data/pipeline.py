"""The one way of a row: prepared, asked within the limit, stored, and only then done.

Everything here runs on one event loop. There is never a task for each row of the data, but one for
each request that is on its way.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.data.failures import OUTAGE_SECONDS, TRIES, Then, backoff, judged
from xinference_magics.data.store import Stored
from xinference_magics.errors import ConnectError, NotebookError
from xinference_magics.plain import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.data.asking import Answer, Asker
    from xinference_magics.data.failures import Verdict
    from xinference_magics.data.feed import Feed, Prepared
    from xinference_magics.data.progress import Progress
    from xinference_magics.data.store import AnswerStore
    from xinference_magics.transport.limiter import Limiter

    Deliver = Callable[[list[tuple[Prepared, Answer | Exception]]], None]

_REMEMBERED = 10_000
"""Answers that are remembered for equal rows, besides those in the store."""
_MOST_WAITS = 40
"""How often a row waits for a server that answers others meanwhile, before it is given up."""
_WRITING_SECONDS = 0.01
"""Seconds between looks at whether a file has caught up."""
_SLOW_SECONDS = 0.05
"""Seconds after which a commit counts as slow, so that the next one does not hold up the loop."""
_PROMPT_CHARS = 2000
"""Characters of a prompt that the store keeps for people."""


class Stopped(Exception):  # noqa: N818  # not a failure of the code
    """The run cannot go on: every other row would fail like this one."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class Pipeline:
    """Asks for the answers to all rows of a feed.

    Args:
        feed: Prepares the rows.
        asker: Asks for their answers.
        store: Where each answer is stored before its row is done; None for nowhere.
        limiter: How many requests may be on their way.
        progress: Counts.
        deliver: Called with rows that are done.
        may_read: Whether more rows may be read now; rows wait for a file that is written in order.
    """

    feed: Feed
    asker: Asker
    store: AnswerStore | None
    limiter: Limiter
    progress: Progress
    deliver: Deliver
    may_read: Callable[[], bool] = lambda: True
    _asking: dict[bytes, list[Prepared]] = field(default_factory=dict)
    _known: OrderedDict[bytes, Answer] = field(default_factory=OrderedDict)
    _finished: list[tuple[Prepared, Answer | Exception]] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _answered_at: float | None = None
    _starved: bool = False
    _closing: bool = False
    _slow: bool = False
    _failure: Exception | None = None
    _main: asyncio.Task[Any] | None = None

    async def run(self) -> None:
        """Answer all rows; if this is cancelled, what has been answered is still stored.

        Raises:
            Stopped: Every other row would fail.
        """
        self._news = asyncio.Event()
        self._started = time.monotonic()
        self._main = asyncio.current_task()
        keeping = asyncio.create_task(self._keep())
        keeping.add_done_callback(self._kept)
        with ThreadPoolExecutor(1, "xinference-magics-rows") as self._reader:
            try:
                await self._read_and_ask()
                while self._tasks:
                    await asyncio.wait(self._tasks)
            except asyncio.CancelledError:
                if self._failure is None:
                    raise
            finally:
                await self._end(keeping)
        if self._failure is not None:
            raise self._failure

    async def _end(self, keeping: asyncio.Task[None]) -> None:
        """Cancel what is on its way, and store and deliver what has arrived."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._closing = True
        self._news.set()
        await asyncio.wait([keeping])

    def _give_up(self, failure: Exception) -> None:
        """End the run with a failure, unless it is already ending."""
        if self._failure is None and not self._closing and self._main is not None:
            self._failure = failure
            self._main.cancel()

    def _kept(self, keeping: asyncio.Task[None]) -> None:
        error = None if keeping.cancelled() else keeping.exception()
        if isinstance(error, Exception):
            self._give_up(error)

    async def _read_and_ask(self) -> None:
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._reader, self.feed.take)
        while rows := await reading:
            while not self.may_read():  # noqa: ASYNC110  # another thread writes
                await asyncio.sleep(_WRITING_SECONDS)
            reading = loop.run_in_executor(self._reader, self.feed.take)
            news = [row for row in rows if not self._is_settled(row)]
            self._announce()
            for start in range(0, len(news), self.asker.batch):
                await self.limiter.acquire()
                task = asyncio.create_task(self._ask(news[start : start + self.asker.batch]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._starved = True

    def _is_settled(self, row: Prepared) -> bool:
        """Settle a row without a request if possible; return whether it was."""
        if row.error is not None:
            self._finish(row, row.error)
        elif row.answer is not None:
            self.progress.stored += 1
            self._remember(row, row.answer)
            self._finish(row, row.answer)
        elif row.key is not None and row.key in self._asking:
            self.progress.repeated += 1
            self._asking[row.key].append(row)
        elif row.key is not None and row.key in self._known:
            self.progress.repeated += 1
            row.answer = self._known[row.key]
            self._finish(row, row.answer)
        else:
            if row.key is not None:
                self._asking[row.key] = []
            return False
        return True

    async def _ask(self, rows: list[Prepared]) -> None:
        """Ask for the answers to the rows of one request, however often it takes."""
        answered = False
        try:
            answers = await self._answers(rows)
            answered = True
            for row, answer in zip(rows, answers, strict=True):
                self._answer(row, answer)
        except Stopped as stopped:
            self._give_up(stopped)
        except Exception as error:  # noqa: BLE001  # the row's own failure
            if len(rows) > 1:  # one of them is at fault, so each is asked alone
                await self._ask_each(rows)
            else:
                self._fail(rows[0], error)
        finally:
            self.limiter.release(answered=answered, starved=self._starved)
            self._announce()

    async def _ask_each(self, rows: list[Prepared]) -> None:
        for row in rows:
            try:
                [answer] = await self._answers([row])
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001
                self._fail(row, error)
            else:
                self._answer(row, answer)

    async def _answers(self, rows: list[Prepared]) -> list[Answer]:
        """Send a request until it is answered, or until it is clear that it will not be.

        Raises:
            Stopped: The run cannot go on.
            Exception: The request failed for good.
        """
        asked = [row.asked for row in rows]
        tries = waits = 0
        while True:
            sent_at = time.monotonic()
            try:
                answers = await self.asker.ask(asked)
            except Exception as error:
                verdict = judged(error)
                if verdict.crowded:
                    self.limiter.refused(sent_at, verdict.crowded, verdict.retry_after)
                self._stop_if_hopeless(error, verdict)
                waiting = verdict.then is Then.WAIT
                tries, waits = tries + (not waiting), waits + waiting
                if verdict.then is Then.GIVE_UP or tries >= TRIES or waits >= _MOST_WAITS:
                    raise
                self.progress.retried += 1
                self.progress.waiting = shortened(str(error), 120) if waiting else ""
                await asyncio.sleep(backoff(tries + waits - 1, verdict.retry_after))
                if waiting and not verdict.crowded:
                    await self._check_again()
            else:
                self._answered_at = time.monotonic()
                self.progress.waiting = ""
                return answers

    async def _check_again(self) -> None:
        """Make sure that the model which comes back is the same.

        Raises:
            Stopped: It is another one.
        """
        try:
            await self.asker.check_again()
        except NotebookError as error:
            raise Stopped(error) from error

    def _stop_if_hopeless(self, error: Exception, verdict: Verdict) -> None:
        """End the run if other rows would fail, too, or the server is away for long.

        Raises:
            Stopped: The run cannot go on.
        """
        if verdict.then is Then.STOP:
            raise Stopped(error)
        if verdict.then is not Then.WAIT:
            return
        if self._answered_at is None and isinstance(error, ConnectError):  # it was never there
            raise Stopped(error)
        if time.monotonic() - (self._answered_at or self._started) > OUTAGE_SECONDS:
            raise Stopped(error)

    def _answer(self, row: Prepared, answer: Answer) -> None:
        self.progress.input_tokens += answer.input_tokens
        self.progress.output_tokens += answer.output_tokens
        self._finish(row, answer)
        self._remember(row, answer)
        for twin in self._twins(row):
            self._finish(twin, answer)

    def _fail(self, row: Prepared, error: Exception) -> None:
        for each in (row, *self._twins(row)):
            self._finish(each, error)

    def _twins(self, row: Prepared) -> list[Prepared]:
        return [] if row.key is None else self._asking.pop(row.key, [])

    def _remember(self, row: Prepared, answer: Answer) -> None:
        if row.key is not None:
            self._known[row.key] = answer
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def _finish(self, row: Prepared, result: Answer | Exception) -> None:
        self._finished.append((row, result))
        self._news.set()

    def _announce(self) -> None:
        self.progress.at_once, self.progress.why = self.limiter.limit, self.limiter.why

    async def _keep(self) -> None:
        """Store and deliver rows as they finish; those that finish meanwhile go together."""
        while not self._closing or self._finished:
            await self._news.wait()
            self._news.clear()
            await self._keep_finished()

    async def _keep_finished(self) -> None:
        finished, self._finished = self._finished, []
        if self.store is not None and (new := self._new(finished)):
            began = time.monotonic()
            if self._slow:  # such as a file system of a network
                await asyncio.to_thread(self.store.put, new)
            else:  # a thread would take longer than the commit
                self.store.put(new)
            self._slow = time.monotonic() - began > _SLOW_SECONDS
        if finished:
            self.deliver(finished)

    def _new(self, finished: list[tuple[Prepared, Answer | Exception]]) -> list[Stored]:
        """Return the answers that are not in the store yet."""
        made: dict[bytes, Stored] = {}
        for row, result in finished:
            if row.key is None or row.answer is not None or isinstance(result, Exception):
                continue
            if row.key not in made:
                prompt = shortened(self.asker.text(row.asked), _PROMPT_CHARS)
                made[row.key] = Stored(row.key, self.asker.name, prompt, self.asker.written(result))
        return list(made.values())
