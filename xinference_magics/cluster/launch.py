"""Starting a model: the request, and a launch that tells the truth about how it goes.

The server answers a launch at once, also one that cannot succeed; how it went shows in the
states of the replicas. Success is: every replica is READY and the description is served.
The server's progress number is 1.0 after a failure too and decides nothing here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from xinference_magics.cluster import server_log
from xinference_magics.cluster.api import may_pass
from xinference_magics.cluster.progress import UNKNOWN, LaunchProgress
from xinference_magics.errors import LaunchError, XinferenceError
from xinference_magics.plain import as_word
from xinference_magics.transport.details import one_line
from xinference_magics.transport.reasons import last_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.models import ReplicaStatus, RunningModel

_UNWINDING = 10.0  # seconds: the server lets go of a launch up to 2 s before it tells the reason
_LONGEST_UNWINDING = 120.0  # seconds: letting go takes a minute on a busy machine
_UNLISTED = 5.0  # seconds in which a launch of our own may not be listed yet
_MOMENT = 0.1  # seconds between two questions for it
_PATIENCE = 20.0  # seconds a server may be out of reach, or know nothing, before that counts


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """Everything Xinference's own launch takes, by the names of its request.

    Args:
        model_name: The name in the registry.
        model_type: ``LLM``, ``embedding``, ``rerank``, ``image``, ...
        model_engine: In any case; None lets `Cluster.launch` choose.
        model_uid: None makes it the model's name, or one like it where that is taken.
        model_size_in_billions: As in ``7``, ``0_5`` or ``0.5``.
        model_format: ``pytorch``, ``ggufv2``, ...
        quantization: ``none``, ``q4_k_m``, ...
        replica: How many replicas.
        n_worker: How many workers share one replica.
        n_gpu: How many GPUs; ``auto`` lets the server decide, None means none.
        peft_model_config: LoRA adapters.
        request_limits: Requests at a time and replica; more are refused.
        worker_ip: The worker to run on.
        gpu_idx: The GPUs to run on.
        replica_config: Placement of each replica.
        model_path: The model's files on the server.
        enable_thinking: For models that can think or not.
        enable_virtual_env: None leaves it to the server.
        virtual_env_packages: Packages for the virtual environment.
        virtual_env_find_links: Folders of wheels on the worker.
        envs: Environment variables of the model's processes.
        extra: Further parameters, passed on to the engine.
    """

    model_name: str
    model_type: str = "LLM"
    model_engine: str | None = None
    model_uid: str | None = None
    model_size_in_billions: int | float | str | None = None
    model_format: str | None = None
    quantization: str | None = None
    replica: int = 1
    n_worker: int = 1
    n_gpu: int | str | None = "auto"
    peft_model_config: dict[str, Any] | None = None
    request_limits: int | None = None
    worker_ip: str | None = None
    gpu_idx: int | list[int] | None = None
    replica_config: list[dict[str, Any]] | None = None
    model_path: str | None = None
    enable_thinking: bool | None = None
    enable_virtual_env: bool | None = None
    virtual_env_packages: list[str] | None = None
    virtual_env_find_links: list[str] | None = None
    envs: dict[str, str] | None = field(default=None, repr=False)  # may hold tokens
    extra: dict[str, Any] = field(default_factory=dict, repr=False)  # likewise

    def body(self) -> dict[str, Any]:
        """Return what is sent: of what was not asked for only that no GPU is, as its None says.

        To a server that does not know a field, its None is a parameter for the engine.
        """
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        extra: dict[str, Any] = own.pop("extra")
        size = own["model_size_in_billions"]
        own["model_size_in_billions"] = f"{size:g}" if isinstance(size, float) else size
        given = {name: value for name, value in own.items() if value is not None}
        return {**given, "n_gpu": self.n_gpu, **extra}


@dataclass(frozen=True)
class Cancellation:
    """What a cancel came to.

    Args:
        state: ``cancelled``; ``ready``, ``failed`` or ``absent`` where there was nothing to
            cancel; ``partly`` where some replicas are ready already; ``orphaned`` where one
            became ready at that very moment.
        message: The same for people, in one line.
    """

    state: Literal["cancelled", "ready", "failed", "absent", "partly", "orphaned"]
    message: str


class Launch:
    """A launch on its way; forgetting it, or an interrupt while waiting, leaves it going.

    Args:
        cluster: Where it was started.
        uid: The UID that the server gave it.
        request: What was asked for; None for a launch that somebody else started.
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
        """Ask once how it goes."""
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
        """Take the replicas' own reasons, and give a failure without one time to name it."""
        known = [each.error for each in replicas if each.error is not None]
        if not known and self._is_unwinding():
            return LaunchProgress("unwinding", None, replicas)
        reasons = dict.fromkeys(filter(None, map(one_line, known))) if known else ["cancelled"]
        reason = "; ".join(reasons)
        return LaunchProgress("failed", None, replicas, done=True, failed_reason=reason)

    def _is_unwinding(self) -> bool:
        """Tell whether a reason may still come: it does when the server lets go of the launch."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if self.cluster.progress(self.uid).get("stage", UNKNOWN) != UNKNOWN:
            self._unknown_since = None
            return now - self._failing_since < _LONGEST_UNWINDING
        self._unknown_since = self._unknown_since or now
        return now - self._unknown_since < _UNWINDING

    def _loading(self, replicas: tuple[ReplicaStatus, ...]) -> LaunchProgress:
        """Ask for the stage; replicas of a launch that the server has forgotten load for ever."""
        said = self.cluster.progress(self.uid)
        known = said["stage"] != UNKNOWN if "stage" in said else self.cluster.knows(self.uid)
        if known:
            self._unknown_since = None
            return LaunchProgress.from_json(said, replicas)
        self._unknown_since = self._unknown_since or time.monotonic()
        if time.monotonic() - self._unknown_since < _PATIENCE:
            return LaunchProgress.from_json(said, replicas)
        reason = "the server has lost it; it may have been cancelled when it was nearly ready"
        return LaunchProgress("failed", None, replicas, done=True, failed_reason=reason)

    def _without_replicas(self) -> LaunchProgress:
        """Tell a launch that the server has not listed yet from one that is gone."""
        if self.cluster.try_describe(self.uid):
            return LaunchProgress("ready", 1.0, done=True)
        if self._seen:
            reason = "it was terminated or cancelled before it was ready"
        elif time.monotonic() - self._started > _PATIENCE:
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
        """Wait until it has succeeded, and return the model.

        Args:
            on_progress: Called with each progress, the last one included.
            interval: Seconds between two questions to the server.
            pause: Waits for so many seconds; what it raises ends the waiting.

        Raises:
            LaunchError: It failed; the message has the server's own reason.
            KeyboardInterrupt: The waiting was interrupted; the launch goes on.
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
        """Describe the model; an older server does not tell the engine, which was asked for."""
        model = self.cluster.describe(self.uid)
        asked = self.request.model_engine if self.request else None
        return replace(model, engine=model.engine or asked)

    def _patiently_poll(self, interval: float, pause: Callable[[float], None]) -> LaunchProgress:
        """Poll, and bear with a server that is too busy loading to answer for a while."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self.poll()
            except XinferenceError as error:
                if not may_pass(error) or time.monotonic() > deadline:
                    raise
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
        """Return why a download failed, where the server's log can be read."""
        if _DOWNLOAD not in reason:
            return ""
        try:
            return server_log.beginning_of(reason, self.cluster.machines.log())
        except XinferenceError:
            return ""

    def _last_event(self) -> str:
        """Return the last error among the model's events, where there is one."""
        try:
            return one_line(last_failure(self.cluster.events(self.uid)) or "")
        except XinferenceError:
            return ""

    def _hint(self, reason: str) -> str:
        """Say what can be done about a failure that is known."""
        if "Model not found, name" in reason:
            return self._what_is_possible()
        if not reason:
            return _SILENT
        return next((hint for sign, hint in _HINTS if sign in reason), "")

    def _what_is_possible(self) -> str:
        """Find out which part of the request the server does not have: it has one text for all."""
        if self.request is None:
            return ""
        try:
            self.cluster.registry.choose(self.request)
        except XinferenceError as error:
            return str(error)
        return ""

    def cancel(self) -> Cancellation:
        """Cancel the launch, if it is still loading, and tell what came of it.

        The server answers when the launch has unwound: 18 s to a minute. It does not refuse
        to cancel a model or a replica that is ready, but loses it with its memory; so this looks
        first, and afterwards, as one can become ready in between.
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
        """Return the replicas; a busy server lists those of a new launch only after a moment."""
        while not (replicas := self.cluster.replicas(self.uid)) and self._is_new():
            time.sleep(_MOMENT)
        return replicas

    def _is_new(self) -> bool:
        ours = self.request is not None and not self._seen
        return ours and time.monotonic() - self._started < _UNLISTED

    def _nothing_to_cancel(self, replicas: list[ReplicaStatus]) -> Cancellation:
        uid = as_word(self.uid)
        if not replicas:
            return Cancellation("absent", f"No launch of {self.uid} is in progress.")
        ready = sum(each.ready for each in replicas)
        if ready == len(replicas):
            message = f"{self.uid} is ready: %xinference terminate {uid} stops it."
            return Cancellation("ready", message)
        if ready and any(each.loading for each in replicas):
            return Cancellation(
                "partly",
                f"{ready} of the {len(replicas)} replicas of {self.uid} are ready, and the "
                f"server would lose them: once all are ready, %xinference terminate {uid} stops "
                "it.",
            )
        return Cancellation("failed", f"The launch of {self.uid} has already failed.")


_DOWNLOAD = "Failed to download"

# A part of the server's reason, and what to do about it.
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
    (
        "offline mode is enabled",
        (
            "Start the server without HF_HUB_OFFLINE, or use files that are already there with "
            "--model-path."
        ),
    ),
    (
        _DOWNLOAD,
        (
            "Can the machine reach the model hub? To use files that are already there, add "
            "--model-path."
        ),
    ),
    ("uv', 'pip", "The engine's packages could not be installed; the server's log says why."),
    ("does not exist", "The path must exist on the machine that runs the model."),
    ("cannot be run on engine", "Leave out --model-engine, and one that can run it is chosen."),
    (
        "No module named",
        "A package of the engine is missing there: --enable-virtual-env installs it.",
    ),
    ("cannot use the GPUs", "--gpu-idx accepts only GPUs that the worker can see."),
    ("number of GPUs", "Use --n-gpu auto for the GPUs it has, or --n-gpu none for the CPU."),
    (
        "is running",
        "A process of that name is left over from another launch: use another --model-uid.",
    ),
)
_SILENT = (
    "This happens when a model process is not up within 60 s: on a busy machine, raise "
    "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT on the server. Its log may have the details."
)
