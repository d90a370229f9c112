"""What measures share: the number of rounds, servers, kernels; each is started on first use."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self

import servers
import watching

if TYPE_CHECKING:
    from servers import Real, Scripted
    from watching import WatchedKernel


class Bench(AbstractContextManager["Bench"]):
    """One run of the benchmark.

    Args:
        quick: Whether a few rounds are enough, to check that everything works.
    """

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self._open = ExitStack()

    def rounds(self, count: int) -> int:
        """Return how many rounds to run if `count` give a good median."""
        return min(count, 2) if self.quick else count

    @cached_property
    def scripted(self) -> Scripted:
        """The scripted server."""
        return self._open.enter_context(servers.scripted())

    @cached_property
    def real(self) -> Real:
        """The real server."""
        return self._open.enter_context(servers.real())

    def kernel(self, endpoint: str) -> AbstractContextManager[WatchedKernel]:
        """Start a kernel with the extension, connected to a server."""
        return watching.watched(endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
