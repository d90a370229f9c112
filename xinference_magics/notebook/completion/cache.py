"""Server data for completion, fetched in the background and never retried in vain."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from xinference_magics.errors import AuthenticationError, ConnectError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.notebook.session.session import Session

_log = logging.getLogger(__name__)

PATIENCE = 0.1
"""Seconds that a keypress may wait for the server."""
FRESH = 10.0
"""Seconds after which an answer is fetched again, while the old one is still offered."""


class Query(NamedTuple):
    """A question for a server.

    Attributes:
        ask: Function that asks it.
        endpoint: The server; None for the one that the next command would use.
        arguments: Further arguments of `ask`.
    """

    ask: Callable[..., Any]
    endpoint: str | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Answer:
    """An answer, with the time in seconds and the number of commands before it."""

    value: Any
    second: float
    changes: int
    failed: bool = False

    def fresh(self, changes: int) -> bool:
        """Return whether it is current; a failure stays current until the next command."""
        return self.changes == changes and (self.failed or time.monotonic() - self.second < FRESH)


class Known:
    """Answers from servers, for callers that must not wait for them.

    A server that does not answer or rejects the credentials is left alone until the next command
    succeeds, because ten rejections would ban this address for an hour.

    Args:
        session: Provides the server to ask, and the number of commands so far.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._answers: dict[Query, _Answer] = {}
        self._left_alone: dict[str | None, int] = {}
        self._queue: list[Query] = []
        self._changed = threading.Condition()

    def get(self, query: Query, *, patience: float = PATIENCE) -> Any:
        """Return the answer, an earlier one, or None if there is none within `patience` seconds."""
        with self._changed:
            answer = self._answers.get(query)
            fresh = answer is not None and answer.fresh(self._session.connector.changes)
            if not fresh and self._enqueue(query):
                self._changed.wait_for(lambda: query not in self._queue, patience)
            answer = self._answers.get(query)
            return answer.value if answer else None

    def _enqueue(self, query: Query) -> bool:
        """Queue `query`, unless it is queued already or its server is left alone."""
        if query in self._queue or self._is_left_alone(query.endpoint):
            return False
        self._queue.append(query)
        if len(self._queue) == 1:
            threading.Thread(target=self._work, name="xinference-magics-known", daemon=True).start()
        return True

    def _is_left_alone(self, endpoint: str | None) -> bool:
        return self._left_alone.get(endpoint) == self._session.connector.changes

    def _work(self) -> None:
        """Ask the queued questions; the thread ends when the queue is empty."""
        waiting = True
        while waiting:
            with self._changed:
                query, changes = self._queue[0], self._session.connector.changes
                left_alone = self._is_left_alone(query.endpoint)
            value, failed = (None, True) if left_alone else self._asked(query, changes)
            with self._changed:
                if failed and query in self._answers:
                    value = self._answers[query].value
                self._answers[query] = _Answer(value, time.monotonic(), changes, failed)
                self._queue.pop(0)
                waiting = bool(self._queue)
                self._changed.notify_all()

    def _asked(self, query: Query, changes: int) -> tuple[Any, bool]:
        try:
            with closing(self._session.connector.open_separate(query.endpoint)) as cluster:
                return query.ask(cluster, *query.arguments), False
        except (ConnectError, AuthenticationError, RateLimitError):
            _log.debug("The server is left alone until the next command", exc_info=True)
            with self._changed:
                self._left_alone[query.endpoint] = changes
        except Exception:  # noqa: BLE001  # typing must not be disturbed
            _log.debug("The completion's question failed", exc_info=True)
        return None, True


def names(cluster: Cluster, model_type: str) -> list[str]:
    """Return the names of models that can be launched."""
    return cluster.registry.names(model_type)


def engines(cluster: Cluster, model_type: str, name: str) -> Any:
    """Return the engines that can run a model."""
    return cluster.registry.engines(name, model_type)


def running(cluster: Cluster) -> Any:
    """Return the models that are ready."""
    return cluster.models()


def loading(cluster: Cluster) -> list[str]:
    """Return the UIDs of models that are loading."""
    instances = cluster.machines.instances()
    return [each.uid for each in instances if any(replica.loading for replica in each.replicas)]


def workers(cluster: Cluster) -> list[str]:
    """Return the addresses of the workers, which any user may read."""
    return [worker.address for worker in cluster.machines.status().workers]
