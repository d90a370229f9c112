"""What a launch will do, settled before anything is started."""

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
"""Stands for a value that may be a secret."""

_SPREADING = {"vllm", "sglang", "mlx", "trt-llm"}
"""Engines that spread a model over workers, or (TensorRT-LLM) are refused it by the server."""

_SECRET = re.compile(r"(token|keys?)(?![a-z])|secret|password")


@dataclass(frozen=True)
class LaunchPlan(Shown):
    """What a launch will do.

    Args:
        endpoint: Where.
        wanted: The request, and what of it was asked for.
        said: What was chosen, and what else is worth knowing, in one line each.
        existing: The model that is taken in place of a new one.
    """

    endpoint: str
    wanted: Wanted = field(repr=False)
    said: tuple[str, ...] = ()
    existing: Existing | None = None

    @property
    def request(self) -> LaunchRequest:
        """What is sent."""
        return self.wanted.request

    def body(self) -> dict[str, Any]:
        """Return the request as it is sent, with the values of environment variables hidden."""
        body = self.request.body()
        if body.get("envs"):
            body["envs"] = dict.fromkeys(body["envs"], HIDDEN)
        return body | {name: HIDDEN for name in self.request.extra if _is_secret(name)}


def _is_secret(name: str) -> bool:
    """Tell ``hf_token`` and ``api_key`` from ``max_num_batched_tokens`` and ``tokenizer_mode``."""
    return _SECRET.search(name.casefold()) is not None


def plan(
    cluster: Cluster,
    request: LaunchRequest,
    *,
    hidden: tuple[str, ...] = (),
    typed: frozenset[str] = frozenset(),
    own: OwnLaunches | None = None,
) -> LaunchPlan:
    """Choose what `request` leaves open, check it, and look for a model to take instead.

    Args:
        cluster: Where it is to run.
        request: What was asked for.
        hidden: The options, as typed, by which no running model can be compared.
        typed: The fields of `request` that were asked for.
        own: What this notebook has launched; None starts a new model in any case.

    Raises:
        ModelNotFoundError: No model of that name; the hint names near ones.
        BadRequestError: It is not possible; the hint says what is.
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
    """Say that one model is not spread over workers where the server would not say so."""
    engine = request.model_engine
    if request.n_worker == 1 or engine is None or engine.casefold() in _SPREADING:
        return ""
    return f"{engine} runs a model on one worker only, not on {request.n_worker}."


def _check_workers(cluster: Cluster, request: LaunchRequest) -> None:
    """Refuse workers that are not there.

    A server with a worker of its own would ignore them, and a cluster would load for ever what is
    to be spread over more than it has.
    """
    wanted = list(_places(request))
    workers = cluster.workers() if wanted or request.n_worker > 1 else []
    hosts = {worker.rpartition(":")[0] for worker in workers}
    for asked, address in wanted if workers else ():  # some servers do not tell
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
    """Yield the workers that are named, with the field; a replica's place is one with its port."""
    for address in (request.worker_ip or "").split(","):
        if address.strip():
            yield "worker_ip", address.strip()
    for each in request.replica_config or ():
        for device in objects(each.get("devices")):
            if worker := text(device.get("worker_ip")):
                yield "replica_config", worker
