"""Operations of a running server: reload a model, relaunch the API or the supervisor.

The server responds to such a request at once with an operation, whose state can then be polled.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.machines import relaunch_path, reload_path
from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from xinference_magics.json_fields import Json, text
from xinference_magics.remedies import Remedy
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.cluster.machines import Machines

_log = logging.getLogger(__name__)

_TICK_SECONDS = 0.5  # seconds
_SILENCE = 120.0  # seconds without a response, which a relaunch may cause, before giving up
_ENDS = {"succeeded", "ready"}
_FAILS = {"failed", "error", "cancelled"}


@dataclass(frozen=True)
class Operation(Shown):
    """The state of a server operation.

    Args:
        id: The server's ID for it.
        status: ``starting``, ``switching``, ``draining``, ``succeeded``, ``failed``; for a
            reload ``reloading``, ``ready``, ``error`` or ``cancelled``.
        stage: The step of a reload.
        error: The server's reason for a failure.
        restored: Whether a failed reload left the engine as it was.
        source_version: The Xinference version that is replaced.
        target_version: The Xinference version that replaces it.
    """

    id: str
    status: str
    stage: str | None = None
    error: str | None = None
    restored: bool = False
    source_version: str | None = None
    target_version: str | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, successfully or not."""
        return self.status in _ENDS | _FAILS

    @property
    def failed(self) -> bool:
        """Whether it has ended without success."""
        return self.status in _FAILS

    @classmethod
    def from_json(cls, data: Json) -> Operation:
        """Read the response to a relaunch or a reload."""
        return cls(
            id=text(data.get("operation_id")) or "",
            status=text(data.get("status")) or "",
            stage=text(data.get("stage")),
            error=text(data.get("error")),
            restored=data.get("restored") is True,
            source_version=text(data.get("source_version")),
            target_version=text(data.get("target_version")),
        )


def relaunch(
    machines: Machines,
    component: str,
    options: dict[str, Any],
    on_look: Callable[[Operation], None],
) -> Operation:
    """Replace the process of the ``api`` or the ``supervisor``; models and requests continue.

    Raises:
        ServerError: It could not be replaced and the old one keeps running, or the server does
            not support it (409).
    """
    begun = Operation.from_json(machines.operation(relaunch_path(component), options))
    ended = _follow(machines, relaunch_path(component, begun.id), begun, on_look)
    if ended.failed:
        raise ServerError(
            f"The {component} was not relaunched: {ended.error or 'the server gave no reason'}.",
            detail=ended.error or "",
            hint="The old one is still running.",
        )
    return ended


def reload(
    machines: Machines, uid: str, options: dict[str, Any], on_look: Callable[[Operation], None]
) -> Operation:
    """Reload a model with other parameters, under the same UID.

    Raises:
        BadRequestError: The engine does not support reloading, or a parameter cannot be changed.
        ServerError: The reload failed; the message has the server's reason.
    """
    path = reload_path(uid)
    begun = Operation.from_json(_begun(machines, path, uid, options))
    ended = _follow(machines, path, begun, on_look)
    if ended.failed:
        after = "It is running as before." if ended.restored else "It may no longer respond."
        raise ServerError(
            f"{uid} was not reloaded: {ended.error or 'the server gave no reason'}.",
            detail=ended.error or "",
            hint=Remedy.SHOW_EVENTS(state=after, uid=uid),
        )
    return ended


def _begun(machines: Machines, path: str, uid: str, options: dict[str, Any]) -> dict[str, Any]:
    try:
        return machines.operation(path, options)
    except BadRequestError as error:
        if "requires vLLM or SGLang" in error.detail:
            error.hint = Remedy.RELAUNCH(uid=uid)
        elif "requires one replica" in error.detail:
            error.hint = Remedy.ONE_REPLICA(uid=uid)
        elif "enable_weight_cache" in error.detail:
            error.hint = Remedy.RELAUNCH_WITH_OPTION(uid=uid)
        raise


def _follow(
    machines: Machines, path: str, operation: Operation, on_look: Callable[[Operation], None]
) -> Operation:
    """Poll until it is over; the process being replaced may not respond for a while."""
    answered = time.monotonic()
    while not operation.over:
        on_look(operation)
        time.sleep(_TICK_SECONDS)
        try:
            operation = Operation.from_json(machines.operation(path))
            answered = time.monotonic()
        except (AuthenticationError, PermissionDeniedError, RateLimitError):
            raise
        except (ConnectError, ServerError):
            if time.monotonic() - answered > _SILENCE:
                raise
            _log.debug("Retrying the status request", exc_info=True)
    return operation
