"""A launch as it is requested, and what it will do, decided before anything is started."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.api import in_path
from xinference_magics.cluster.launching.reuse import LaunchHistory, LaunchTarget, Match, find
from xinference_magics.errors import BadRequestError
from xinference_magics.json_fields import objects, text
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.launching.reuse import ReusableModel


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """All parameters of Xinference's launch, named as in its request body.

    Args:
        model_name: The name in the registry.
        model_type: ``LLM``, ``embedding``, ``rerank``, ``image``, ...
        model_engine: The engine, in any case; None lets `Cluster.launch` choose.
        model_uid: None uses the model's name, or a similar one if that is taken.
        model_size_in_billions: As in ``7``, ``0_5`` or ``0.5``.
        model_format: ``pytorch``, ``ggufv2``, ...
        quantization: ``none``, ``q4_k_m``, ...
        replica: Number of replicas.
        n_worker: Number of workers that share one replica.
        n_gpu: Number of GPUs; ``auto`` lets the server decide, None means no GPU.
        peft_model_config: LoRA adapters.
        request_limits: Concurrent requests per replica; further ones are refused.
        worker_ip: The worker to run on.
        gpu_idx: The GPUs to run on.
        replica_config: Placement of each replica.
        model_path: The model's files on the server.
        enable_thinking: Whether to think, for models with optional thinking.
        enable_virtual_env: Whether to use a virtual environment; None leaves it to the server.
        virtual_env_packages: Packages for the virtual environment.
        virtual_env_find_links: Folders of wheels on the worker.
        envs: Environment variables of the model's processes.
        extra: Additional parameters, passed on to the engine.
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
        """Return the request body without None values, except `n_gpu`, where None means no GPU.

        A server that does not know a field would pass its None on to the engine as a parameter.
        """
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        extra: dict[str, Any] = own.pop("extra")
        size = own["model_size_in_billions"]
        own["model_size_in_billions"] = f"{size:g}" if isinstance(size, float) else size
        given = {name: value for name, value in own.items() if value is not None}
        return {**given, "n_gpu": self.n_gpu, **extra}


HIDDEN = "••••"
"""Replaces a value that may be a secret."""

_SPREADING = {"vllm", "sglang", "mlx", "trt-llm"}
"""Engines that spread a model over workers, or for which the server refuses it (TensorRT-LLM)."""

_SECRET = re.compile(r"(token|keys?)(?![a-z])|secret|password")


@dataclass(frozen=True)
class LaunchPlan(Shown):
    """What a launch will do.

    Args:
        endpoint: The endpoint to launch on.
        target: The request, and which parts of it the user specified.
        said: What was chosen, and anything else worth knowing, one line each.
        existing: The running or loading model to use instead of a new one.
    """

    endpoint: str
    target: LaunchTarget = field(repr=False)
    said: tuple[str, ...] = ()
    existing: ReusableModel | None = None

    @property
    def request(self) -> LaunchRequest:
        """The request that is sent."""
        return self.target.request

    def body(self) -> dict[str, Any]:
        """Return the request body with the values of environment variables and secrets hidden."""
        body = self.request.body()
        if body.get("envs"):
            body["envs"] = dict.fromkeys(body["envs"], HIDDEN)
        return body | {name: HIDDEN for name in self.request.extra if _is_secret(name)}


def _is_secret(name: str) -> bool:
    """Match ``hf_token`` and ``api_key``, not ``max_num_batched_tokens`` or ``tokenizer_mode``."""
    return _SECRET.search(name.casefold()) is not None


def plan(
    cluster: Cluster,
    request: LaunchRequest,
    *,
    hidden: tuple[str, ...] = (),
    typed: frozenset[str] = frozenset(),
    own: LaunchHistory | None = None,
) -> LaunchPlan:
    """Choose what `request` leaves open, check it, and look for an existing model to use instead.

    Args:
        cluster: The cluster to launch on.
        request: The launch as requested.
        hidden: The options, as typed, that the server does not report for running models.
        typed: The fields of `request` that the user specified.
        own: The launches of this notebook; None always starts a new model.

    Raises:
        ModelNotFoundError: No model has that name; the hint names similar ones.
        BadRequestError: The launch is not possible; the hint says what is.
    """
    in_path(request.model_uid or "")
    choice = cluster.registry.choose(request)
    target = LaunchTarget(choice.applied_to(request), typed, hidden)
    found = Match() if own is None else find(cluster, target, own)
    if found.existing is None:
        _check_workers(cluster, request)
    said = [] if found.existing else [choice.said, found.said, _ignored(target.request)]
    return LaunchPlan(cluster.endpoint, target, tuple(filter(None, said)), found.existing)


def _ignored(request: LaunchRequest) -> str:
    """Warn if the engine won't spread a model over workers and the server wouldn't say so."""
    engine = request.model_engine
    if request.n_worker == 1 or engine is None or engine.casefold() in _SPREADING:
        return ""
    return f"{engine} runs a model on one worker only, not on {request.n_worker}."


def _check_workers(cluster: Cluster, request: LaunchRequest) -> None:
    """Reject workers that do not exist.

    A server with a built-in worker would ignore them, and a cluster asked to spread a model over
    more workers than it has would load forever.
    """
    wanted = list(_places(request))
    workers = cluster.workers() if wanted or request.n_worker > 1 else []
    hosts = {worker.rpartition(":")[0] for worker in workers}
    for asked, address in wanted if workers else ():  # some servers do not list them
        if address not in workers and not (asked == "worker_ip" and address in hosts):
            raise BadRequestError(
                f"{cluster.endpoint} has no worker {address}.",
                hint=f"Workers: {', '.join(workers)}.",
            )
    several = [address for asked, address in wanted if asked == "worker_ip"] or workers
    if workers and request.n_worker > len(several):
        raise BadRequestError(
            f"{request.n_worker} workers are more than {cluster.endpoint} has.",
            hint=f"Workers: {', '.join(several)}.",
        )


def _places(request: LaunchRequest) -> Iterator[tuple[str, str]]:
    """Yield each named worker as field and address; in `replica_config` it includes the port."""
    for address in (request.worker_ip or "").split(","):
        if address.strip():
            yield "worker_ip", address.strip()
    for each in request.replica_config or ():
        for device in objects(each.get("devices")):
            if worker := text(device.get("worker_ip")):
                yield "replica_config", worker
