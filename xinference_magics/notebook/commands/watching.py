"""``%xinference watch``: show what is running and how busy it is, until interrupted."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.display.amounts import counted
from xinference_magics.errors import ConnectError, ServerError
from xinference_magics.notebook.command_line.option import Option, given
from xinference_magics.notebook.command_line.readers import count, seconds
from xinference_magics.notebook.commands.command import Command, ThereOptions

if TYPE_CHECKING:
    from xinference_magics.cluster.machines import Machines, Snapshot
    from xinference_magics.display.refreshing import RefreshingView
    from xinference_magics.notebook.session.session import Session

_INTERVAL = 2.0  # seconds
_seconds = partial(seconds, 0.2, 24 * 3600.0)
_WINDOW_SECONDS = 60.0  # seconds over which requests are counted
_INTERNAL_ERROR = 500


class Watch:
    """Polls a cluster and shows its state.

    Args:
        machines: The machines of the cluster.
        view: Where to show the state.
    """

    def __init__(self, machines: Machines, view: RefreshingView) -> None:
        self._machines = machines
        self._view = view
        self._seen: Snapshot | None = None
        self._asked: deque[tuple[float, int]] = deque()
        self._silent_since: float | None = None
        self._trouble = ""

    def run(self, interval: float, seconds: float | None, count: int | None) -> Snapshot | None:
        """Update every `interval` seconds until interrupted, for `seconds`, or `count` times.

        Raises:
            ConnectError: Nothing answered the first poll; later polls wait for the server.
            AuthenticationError: A poll was refused; more could get this machine's address banned.
        """
        started = time.monotonic()
        looks = 0
        try:
            while True:
                self._look()
                self._paint(f"every {interval:g} s until interrupted")
                looks += 1
                left = interval if seconds is None else started + seconds - time.monotonic()
                if looks == count or left <= 0:
                    break
                time.sleep(min(interval, left))
        except KeyboardInterrupt:  # how the user ends it
            pass
        finally:
            self._paint(f"watched for {time.monotonic() - started:.0f} s")
        return self._seen

    def _look(self) -> None:
        try:
            self._seen = self._machines.look()
            self._count(self._machines.requests())
            self._silent_since, self._trouble = None, ""
        except (ConnectError, ServerError) as error:
            refused = isinstance(error, ServerError) and (error.status or 0) < _INTERNAL_ERROR
            if self._seen is None or refused:
                raise
            self._silent_since = self._silent_since or time.monotonic()
            self._trouble = error.message

    def _count(self, requests: int | None) -> None:
        """Record the number of requests; a relaunched API counts from zero."""
        if requests is None or (self._asked and requests < self._asked[-1][1]):
            self._asked.clear()
        if requests is not None:
            self._asked.append((time.monotonic(), requests))
        while len(self._asked) > 1 and self._asked[-1][0] - self._asked[0][0] > _WINDOW_SECONDS:
            self._asked.popleft()

    def _paint(self, state: str) -> None:
        from xinference_magics.notebook.results.machines import Load

        if self._seen is None:
            return
        load = Load(self._seen)
        note = " · ".join(filter(None, (f"{time.strftime('%H:%M:%S')}", self._note(), state)))
        with interrupts.deferred_sigint():
            self._view.paint(load.html(note), load.text, note)

    def _note(self) -> str:
        """Describe what is wrong, or the recent number of requests."""
        if self._silent_since is not None:
            return (
                f"unreachable for {time.monotonic() - self._silent_since:.0f} s, showing the "
                f"last known state: {self._trouble}"
            )
        if len(self._asked) < 2:  # noqa: PLR2004  # a difference takes two
            return ""
        asked = self._asked[-1][1] - self._asked[0][1]
        seconds = self._asked[-1][0] - self._asked[0][0]
        return f"{counted(asked, 'request')} in the last {seconds:.0f} s"


@dataclass(frozen=True, kw_only=True)
class WatchOptions(ThereOptions):
    """The options of ``%xinference watch``."""

    interval: float = given(
        Option(
            ("--interval", "-i"),
            help="Seconds between updates.",
            metavar="SECONDS",
            type=_seconds,
            default=_INTERVAL,
        )
    )
    seconds: float | None = given(
        Option(
            ("--for",),
            help="Stop after this many seconds.",
            metavar="SECONDS",
            type=_seconds,
        )
    )
    count: int | None = given(
        Option(("--count", "-n"), help="Stop after this many updates.", metavar="N", type=count)
    )


def watch(session: Session, options: WatchOptions) -> Snapshot | None:
    """Show what is running until interrupted; the last table stays, and its data is returned."""
    from xinference_magics.display.refreshing import choose_refreshing_view

    machines = session.connector.visit(options.endpoint).machines
    watching = Watch(machines, choose_refreshing_view())
    return watching.run(options.interval, options.seconds, options.count)


WATCH = Command(
    "watch",
    "Show what is running and how busy the workers are, until interrupted.",
    watch,
    WatchOptions,
    ("%xinference watch", "%xinference watch -i 5 --for 60"),
    acts=True,
)
"""Refreshes in place, and waits for a server that is out of reach."""
