"""A launch that reports its true state.

The server accepts a launch at once, even one that cannot succeed; the outcome shows in the states
of the replicas. A launch has succeeded when every replica is READY and the description is served.
The server's progress number is 1.0 after a failure too, so nothing here depends on it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from xinference_magics.cluster.api import may_pass
from xinference_magics.cluster.launching.progress import UNKNOWN, LaunchProgress
from xinference_magics.errors import LaunchError, XinferenceError
from xinference_magics.local_server import server_log
from xinference_magics.remedies import Advice, Remedy
from xinference_magics.shown import Shown
from xinference_magics.transport.error_details import last_failure, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.launching.plan import LaunchRequest
    from xinference_magics.cluster.models import ReplicaStatus, RunningModel

_log = logging.getLogger(__name__)

_UNWINDING = 10.0  # seconds: the server drops a launch up to 2 s before it reports the reason
_UNWINDING_SECONDS = 120.0  # seconds: dropping a launch takes a minute on a busy machine
_UNLISTED = 5.0  # seconds during which our own launch may not be listed yet
_MOMENT = 0.1  # seconds between two polls for it
_GRACE_SECONDS = 20.0  # seconds for which an unreachable server or an unknown launch is tolerated


@dataclass(frozen=True)
class Cancellation(Shown):
    """The outcome of a cancellation.

    Args:
        state: ``cancelled``; ``ready``, ``failed`` or ``absent`` if there was nothing to cancel;
            ``partly`` if some replicas are already ready; ``orphaned`` if one became ready during
            the cancellation.
        message: The outcome as one human-readable line.
    """

    state: Literal["cancelled", "ready", "failed", "absent", "partly", "orphaned"]
    message: str


class Launch:
    """A launch in progress; dropping this object or interrupting a wait does not stop it.

    Args:
        cluster: The cluster it was started on.
        uid: The UID that the server gave it.
        request: The request as sent; None for a launch that someone else started.
    """

    def __init__(self, cluster: Cluster, uid: str, request: LaunchRequest | None = None) -> None:
        self.cluster = cluster
        self.uid = uid
        self.request = request
        self._seen = False
        self._started = time.monotonic()
        self._failing_since: float | None = None
        self._unknown_since: float | None = None

    def __repr__(self) -> str:
        return f"Launch({self.uid!r} at {self.cluster.endpoint!r})"

    def poll(self) -> LaunchProgress:
        """Query the launch's progress once."""
        replicas = tuple(self.cluster.replicas(self.uid))
        self._seen = self._seen or bool(replicas)
        if not replicas:
            return self._without_replicas()
        if any(not (each.ready or each.loading) for each in replicas):
            return self._failed(replicas)
        if all(each.ready for each in replicas) and self.cluster.try_describe(self.uid):
            return LaunchProgress("ready", 1.0, replicas, done=True)
        return self._loading(replicas)

    def _failed(self, replicas: tuple[ReplicaStatus, ...]) -> LaunchProgress:
        """Report the replicas' own reasons, or ``unwinding`` while one may still appear."""
        known = [each.error for each in replicas if each.error is not None]
        if not known and self._is_unwinding():
            return LaunchProgress("unwinding", None, replicas)
        reasons = dict.fromkeys(filter(None, map(one_line, known))) if known else ["cancelled"]
        reason = "; ".join(reasons)
        return LaunchProgress("failed", None, replicas, done=True, failed_reason=reason)

    def _is_unwinding(self) -> bool:
        """Return whether a reason may still appear, as it does once the server drops the launch."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if self.cluster.progress(self.uid).get("stage", UNKNOWN) != UNKNOWN:
            self._unknown_since = None
            return now - self._failing_since < _UNWINDING_SECONDS
        self._unknown_since = self._unknown_since or now
        return now - self._unknown_since < _UNWINDING

    def _loading(self, replicas: tuple[ReplicaStatus, ...]) -> LaunchProgress:
        """Query the stage; the replicas of a launch the server has lost keep loading forever."""
        said = self.cluster.progress(self.uid)
        known = said["stage"] != UNKNOWN if "stage" in said else self.cluster.knows(self.uid)
        if known:
            self._unknown_since = None
            return LaunchProgress.from_json(said, replicas)
        self._unknown_since = self._unknown_since or time.monotonic()
        if time.monotonic() - self._unknown_since < _GRACE_SECONDS:
            return LaunchProgress.from_json(said, replicas)
        reason = "the server has lost it; it may have been cancelled when it was nearly ready"
        return LaunchProgress("failed", None, replicas, done=True, failed_reason=reason)

    def _without_replicas(self) -> LaunchProgress:
        """Distinguish a launch that the server does not list yet from one that is gone."""
        if self.cluster.try_describe(self.uid):
            return LaunchProgress("ready", 1.0, done=True)
        if self._seen:
            reason = "it was terminated or cancelled before it was ready"
        elif time.monotonic() - self._started > _GRACE_SECONDS:
            reason = "the server knows nothing about it; it may have been restarted"
        else:
            return LaunchProgress("pending", None)
        return LaunchProgress("failed", None, done=True, failed_reason=reason)

    def wait(
        self,
        on_progress: Callable[[LaunchProgress], None] | None = None,
        interval: float = 0.25,
        pause: Callable[[float], None] = time.sleep,
    ) -> RunningModel:
        """Wait until the launch has succeeded, and return the model.

        Args:
            on_progress: Called with each progress, including the last one.
            interval: Seconds between two polls of the server.
            pause: Sleeps for the given number of seconds; an exception from it ends the wait.

        Raises:
            LaunchError: The launch failed; the message has the server's own reason.
            KeyboardInterrupt: The wait was interrupted; the launch continues.
        """
        while True:
            progress = self._patiently_poll(interval, pause)
            if on_progress:
                on_progress(progress)
            if progress.failed_reason is not None:
                raise self._failure(progress.failed_reason)
            if progress.done:
                return self._described()
            pause(interval)

    def _described(self) -> RunningModel:
        """Describe the model, taking the engine from the request if an older server omits it."""
        model = self.cluster.describe(self.uid)
        asked = self.request.model_engine if self.request else None
        return replace(model, engine=model.engine or asked)

    def _patiently_poll(self, interval: float, pause: Callable[[float], None]) -> LaunchProgress:
        """Poll, retrying while a server is too busy loading to respond."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while True:
            try:
                return self.poll()
            except XinferenceError as error:
                if not may_pass(error) or time.monotonic() > deadline:
                    raise
                _log.debug("Retrying the status request", exc_info=True)
            pause(interval)

    def _failure(self, reason: str) -> LaunchError:
        reason = reason or self._last_event()
        if began := self._beginning_of(reason):
            reason = f"{reason.rstrip('.')} ({began.rstrip('.')})"
        said = reason.rstrip(".") or "the server gave no reason"
        return LaunchError(
            f"{self.uid} did not start: {said}.", detail=reason, hint=self._hint(reason)
        )

    def _beginning_of(self, reason: str) -> str:
        """Return why a download failed; empty if the server's log cannot be read."""
        if _DOWNLOAD not in reason:
            return ""
        try:
            return server_log.beginning_of(reason, self.cluster.machines.log())
        except XinferenceError:
            _log.debug("The server's log cannot be read", exc_info=True)
            return ""

    def _last_event(self) -> str:
        """Return the last error among the model's events; empty if there is none."""
        try:
            return one_line(last_failure(self.cluster.events(self.uid)) or "")
        except XinferenceError:
            _log.debug("The model's events cannot be read", exc_info=True)
            return ""

    def _hint(self, reason: str) -> str | Advice:
        """Return advice for a known failure; empty for others."""
        if "Model not found, name" in reason:
            return self._what_is_possible()
        if not reason:
            return _SILENT
        return next((hint for sign, hint in _HINTS if sign in reason), "")

    def _what_is_possible(self) -> str:
        """Find out which part of the request the server lacks; its message is the same for all."""
        if self.request is None:
            return ""
        try:
            self.cluster.registry.choose(self.request)
        except XinferenceError as error:
            return str(error)
        return ""

    def cancel(self) -> Cancellation:
        """Cancel the launch if it is still loading, and return the outcome.

        The server responds once the launch has unwound: 18 s to a minute. It does not refuse to
        cancel a ready model or replica, but loses track of it while its memory stays in use. So
        this checks the replicas before, and again after, as one can become ready in between.
        """
        before = self._listed()
        if not before or not all(each.loading for each in before):
            return self._nothing_to_cancel(before)
        self.cluster.cancel(self.uid)
        after = self.cluster.replicas(self.uid)
        if not any(each.ready for each in after):
            return Cancellation("cancelled", f"The launch of {self.uid} was cancelled.")
        if self.cluster.try_describe(self.uid):
            return self._nothing_to_cancel(after)
        return Cancellation(
            "orphaned",
            f"{self.uid} became ready while it was being cancelled: the server has lost it, and "
            "its process keeps its memory until the server is restarted.",
        )

    def _listed(self) -> list[ReplicaStatus]:
        """Return the replicas, waiting a moment if a busy server does not list a new launch yet."""
        while not (replicas := self.cluster.replicas(self.uid)) and self._is_new():
            time.sleep(_MOMENT)
        return replicas

    def _is_new(self) -> bool:
        ours = self.request is not None and not self._seen
        return ours and time.monotonic() - self._started < _UNLISTED

    def _nothing_to_cancel(self, replicas: list[ReplicaStatus]) -> Cancellation:
        stops = Remedy.TERMINATE(uid=self.uid)
        if not replicas:
            return Cancellation("absent", f"No launch of {self.uid} is in progress.")
        ready = sum(each.ready for each in replicas)
        if ready == len(replicas):
            return Cancellation("ready", f"{self.uid} is ready: {stops}.")
        if ready and any(each.loading for each in replicas):
            return Cancellation(
                "partly",
                f"{ready} of the {len(replicas)} replicas of {self.uid} are ready, and the "
                f"server would lose them: once all are ready, {stops}.",
            )
        return Cancellation("failed", f"The launch of {self.uid} has already failed.")


_DOWNLOAD = "Failed to download"

# Pairs of a part of the server's reason and the advice for it.
_HINTS = (
    (
        "Failed to init server",
        (
            "The GGUF file may be damaged, or too new for the server's llama.cpp; its log has the "
            "details."
        ),
    ),
    ("SafetensorError", "The model's files may be damaged or incomplete."),
    ("Error while deserializing header", "The model's files may be damaged or incomplete."),
    ("offline mode is enabled", Remedy.USE_FILES_OFFLINE()),
    (_DOWNLOAD, Remedy.USE_FILES()),
    ("uv', 'pip", "The engine's packages could not be installed; the server's log says why."),
    ("does not exist", "The path must exist on the machine that runs the model."),
    ("cannot be run on engine", Remedy.LEAVE_OUT_ENGINE()),
    ("No module named", Remedy.INSTALL_PACKAGES()),
    ("cannot use the GPUs", Remedy.SEE_GPUS()),
    ("number of GPUs", Remedy.COUNT_GPUS()),
    ("is running", Remedy.RENAME_LEFT_OVER()),
)
_SILENT = (
    "This happens when a model process is not up within 60 s: on a busy machine, raise "
    "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT on the server. Its log may have the details."
)
