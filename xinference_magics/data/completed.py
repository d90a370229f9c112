"""The rows of a run as they are done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from xinference_magics.data.run import MapRun

_STEP_SECONDS = 0.05
"""Seconds between checks whether more rows are done."""


class Completed:
    """The rows of a run as they are done.

    Args:
        run: The run.
    """

    def __init__(self, run: MapRun) -> None:
        self._run = run

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        run, seen = self._run, 0
        while True:
            ended = run.done
            while seen < len(run._order):  # noqa: SLF001  # a part of the run
                number = run._order[seen]  # noqa: SLF001
                seen += 1
                yield number, run.results.value(number)
            if ended:
                run.wait()
                return
            with run._arrived:  # noqa: SLF001
                if seen == len(run._order) and not run.done:  # noqa: SLF001
                    run._arrived.wait(_STEP_SECONDS)  # noqa: SLF001

    async def __aiter__(self) -> AsyncIterator[tuple[int, Any]]:
        run, seen = self._run, 0
        while True:
            ended = run.done
            while seen < len(run._order):  # noqa: SLF001
                number = run._order[seen]  # noqa: SLF001
                seen += 1
                yield number, run.results.value(number)
            if ended:
                run.wait()
                return
            await asyncio.sleep(_STEP_SECONDS / 5)
