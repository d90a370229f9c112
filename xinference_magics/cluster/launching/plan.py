"""What a launch will do, decided before anything is started."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.api import in_path
from xinference_magics.cluster.launching.reuse import Found, OwnLaunches, Wanted, find
from xinference_magics.cluster.models import objects, text
from xinference_magics.errors import BadRequestError
from xinference_magics.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.launching.request import LaunchRequest
    from xinference_magics.cluster.launching.reuse import Existing

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
        wanted: The request, and which parts of it the user specified.
        said: What was chosen, and anything else worth knowing, one line each.
        existing: The running or loading model to use instead of a new one.
    """

    endpoint: str
    wanted: Wanted = field(repr=False)
    said: tuple[str, ...] = ()
    existing: Existing | None = None

    @property
    def request(self) -> LaunchRequest:
        """The request that is sent."""
        return self.wanted.request

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
    own: OwnLaunches | None = None,
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
    wanted = Wanted(choice.applied_to(request), typed, hidden)
    found = Found() if own is None else find(cluster, wanted, own)
    if found.existing is None:
        _check_workers(cluster, request)
    said = [] if found.existing else [choice.said, found.said, _ignored(wanted.request)]
    return LaunchPlan(cluster.endpoint, wanted, tuple(filter(None, said)), found.existing)


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
