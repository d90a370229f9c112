"""Change the number of replicas of a running model."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from xinference_magics.cluster.api import may_pass
from xinference_magics.errors import (
    BadRequestError,
    InternalServerError,
    LaunchError,
    ModelNotFoundError,
    ModelNotReadyError,
    ServerError,
    XinferenceError,
)
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xinference_magics.cluster.machines import Machines
    from xinference_magics.cluster.models import ReplicaStatus

_TICK_SECONDS = 0.5  # seconds between two polls while replicas load
_GIVES_THE_REASON = {ServerError, InternalServerError, BadRequestError, ModelNotFoundError}
_SETTLING = 15.0  # seconds the list may lag behind the server's response


class Scaling:
    """A change of a model's number of replicas.

    Args:
        machines: The machines of its cluster.
        uid: The model's UID.
        count: The desired number of replicas, one or more.
        worker: The worker for new replicas; None lets the supervisor choose.
    """

    def __init__(self, machines: Machines, uid: str, count: int, worker: str | None = None) -> None:
        self._machines = machines
        self._uid = uid
        self._count = count
        self._worker = worker

    def run(
        self,
        on_word: Callable[[str], None],
        on_look: Callable[[Sequence[ReplicaStatus]], None],
    ) -> list[ReplicaStatus]:
        """Add or end replicas, wait until the list shows the desired number, and return them.

        Args:
            on_word: Called with a line about each replica that is ended.
            on_look: Called with the replicas at each poll while new ones load.

        Raises:
            ModelNotReadyError: A replica is still loading.
            LaunchError: The server added none of the replicas; the message has its reason.
            KeyboardInterrupt: The wait was interrupted; replicas being added continue to load.
        """
        replicas = self._machines.replicas(self._uid)
        if any(each.loading for each in replicas):
            raise ModelNotReadyError(
                f"A replica of {self._uid} is still loading.",
                hint=Remedy.AWAIT_REPLICAS(uid=self._uid),
            )
        self._clear_away([each for each in replicas if each.status == "TERMINATED"])
        ready = [each for each in replicas if each.ready]
        for each in to_end(ready, len(ready) - self._count):
            on_word(f"Ending {each.uid} on {each.worker}.")
            self._end(each)
        if len(ready) < self._count:
            self._add(self._count - len(ready), on_look)
        return self._settled()

    def _clear_away(self, ended: Sequence[ReplicaStatus]) -> None:
        """Remove replicas that lost workers left in the list, as they block names for new ones."""
        for each in ended:
            self._end(each)

    def _end(self, replica: ReplicaStatus) -> None:
        if replica.id is None:
            raise BadRequestError(f"The server does not number the replicas of {self._uid}.")
        self._machines.end_replica(self._uid, replica.id)

    def _add(self, count: int, on_look: Callable[[Sequence[ReplicaStatus]], None]) -> None:
        """Add replicas in a thread, as the request takes as long as they load."""
        failed: list[XinferenceError] = []
        adding = threading.Thread(
            target=self._try_add, args=(count, failed), name="xinference-magics-scale", daemon=True
        )
        adding.start()
        self._look(on_look)
        while adding.is_alive():
            adding.join(_TICK_SECONDS)
            self._look(on_look)
        if failed:
            raise self._reason(failed[0], count) from failed[0]

    def _try_add(self, count: int, failed: list[XinferenceError]) -> None:
        try:
            self._machines.add_replicas(self._uid, count, self._worker)
        except XinferenceError as error:
            failed.append(error)

    def _look(self, on_look: Callable[[Sequence[ReplicaStatus]], None]) -> None:
        try:
            on_look(self._machines.replicas(self._uid))
        except XinferenceError as error:
            if not may_pass(error):
                raise

    def _reason(self, error: XinferenceError, count: int) -> XinferenceError:
        if type(error) not in _GIVES_THE_REASON:
            return error
        what = "another replica" if count == 1 else f"{count} more replicas"
        reason = getattr(error, "detail", "") or "the server gave no reason"
        known = (hint for sign, hint in _HINTS if sign in reason)
        return LaunchError(
            f"{self._uid} could not be given {what}: {reason.rstrip('.')}.",
            detail=reason,
            hint=next(known, "Its other replicas are still running."),
        )

    def _settled(self) -> list[ReplicaStatus]:
        deadline = time.monotonic() + _SETTLING
        while True:
            replicas = self._machines.replicas(self._uid)
            ready = sum(each.ready for each in replicas)
            if ready == self._count:
                return replicas
            if time.monotonic() > deadline:
                raise LaunchError(
                    f"{self._uid} has {ready} ready replicas, not {self._count}.",
                    hint=Remedy.LIST_REPLICAS(uid=self._uid),
                )
            time.sleep(_TICK_SECONDS)


# Pairs of a part of the server's reason and the advice for it.
_HINTS = (
    ("Model not found, name", Remedy.REGISTER_AGAIN()),
    ("Replica uid already exists", Remedy.ADD_ELSEWHERE()),
)


def to_end(replicas: Sequence[ReplicaStatus], count: int) -> list[ReplicaStatus]:
    """Choose replicas to end: from the worker with the most replicas, newest first."""
    left = sorted(replicas, key=lambda each: each.id or 0)
    chosen: list[ReplicaStatus] = []
    for _ in range(max(count, 0)):
        on_worker = Counter(each.worker for each in left)
        last = max(left, key=lambda each: (on_worker[each.worker], each.id or 0))
        left.remove(last)
        chosen.append(last)
    return chosen
