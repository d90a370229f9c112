"""What the server reports about its models, as typed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from xinference_magics.json_fields import Json, number, objects, real, text, texts
from xinference_magics.shown import Shown

_MOST_REPLICAS = 1000
"""More than any cluster has; keeps an absurd number from a server from exhausting memory."""


@dataclass(frozen=True)
class RequestContext:
    """The number of tokens that one request's prompt and completion may have together.

    Args:
        tokens: The number of tokens.
        why: Where the number comes from, in a few words.
        guessed: Whether it relies on a default that may not be in effect.
    """

    tokens: int
    why: str
    guessed: bool = False

    def __str__(self) -> str:
        return f"{'about ' if self.guessed else ''}{self.tokens:,} ({self.why})"


@dataclass(frozen=True, kw_only=True)
class RunningModel(Shown):
    """A running model, as ``GET /v1/models`` and ``GET /v1/models/{uid}`` describe it.

    Args:
        uid: The UID for requests to it.
        name: The name in the registry.
        type: ``LLM``, ``embedding``, ``rerank``, ``image``, ...
        abilities: ``chat``, ``generate``, ``vision``, ``tools``, ...
        engine: The engine that runs it, as the server spells it.
        format: ``pytorch``, ``ggufv2``, ...
        size: Billions of parameters, as in ``7`` or ``0_5``.
        quantization: ``none``, ``q4_k_m``, ...
        context_length: Tokens that prompt and completion may have together, according to the
            description of its family; the launch may have set fewer.
        per_request: The context one request actually gets, if known beyond the description.
        replica: Number of replicas.
        address: The worker that runs it, ``host:port``.
        family: The family whose chat and tool format it follows.
        languages: Two-letter codes.
        raw: The server's whole description.
    """

    uid: str
    name: str
    type: str = "LLM"
    abilities: tuple[str, ...] = ()
    engine: str | None = None
    format: str | None = None
    size: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    per_request: RequestContext | None = field(default=None, compare=False)
    replica: int = 1
    address: str | None = None
    family: str | None = None
    languages: tuple[str, ...] = ()
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, uid: str, data: Json) -> RunningModel:
        """Read a description, or an element of the list of models."""
        return cls(
            uid=uid,
            name=text(data.get("model_name")) or uid,
            type=text(data.get("model_type")) or "LLM",
            abilities=texts(data.get("model_ability")),
            engine=text(data.get("model_engine")),
            format=text(data.get("model_format")),
            size=text(data.get("model_size_in_billions")),
            quantization=text(data.get("quantization")),
            context_length=number(data.get("context_length")),
            replica=number(data.get("replica")) or 1,
            address=text(data.get("address")),
            family=text(data.get("model_family")),
            languages=texts(data.get("model_lang")) or texts(data.get("language")),
            raw=data,
        )


@dataclass(frozen=True)
class ReplicaStatus:
    """One replica of a model that is being launched or running.

    Args:
        uid: ``<model uid>-rep0`` and so on.
        status: CREATING, LOADING, UPDATING, READY, TERMINATING, TERMINATED or ERROR.
        worker: The worker it was placed on, ``host:port``.
        error: The server's reason for ERROR; empty if it gave none, None if the launch was
            cancelled or the reason is not known yet.
        created: When its launch began, in seconds since 1970.
        id: Its number among the replicas of its model.
        address: Its own process on the worker, ``host:port``; not reported by every endpoint.
        gpus: Indices of the GPUs it was placed on.
    """

    uid: str
    status: str
    worker: str | None = None
    error: str | None = None
    created: int | None = None
    id: int | None = None
    address: str | None = None
    gpus: tuple[str, ...] = ()

    @property
    def loading(self) -> bool:
        """Whether it is still loading, the only state in which a launch may be cancelled."""
        return self.status in {"CREATING", "LOADING", "UPDATING"}

    @property
    def ready(self) -> bool:
        """Whether it accepts requests."""
        return self.status == "READY"

    @classmethod
    def from_json(cls, data: Json) -> ReplicaStatus:
        """Read an element of `replica_statuses`."""
        return cls(
            uid=text(data.get("replica_model_uid")) or "",
            status=text(data.get("status")) or "",
            worker=text(data.get("worker_address")),
            error=error if isinstance(error := data.get("error_message"), str) else None,
            created=number(data.get("created_ts")),
            id=number(data.get("replica_id")),
            address=text(data.get("model_address")),
            gpus=texts(data.get("gpu_idx")) or texts(data.get("accelerators")),
        )


@dataclass(frozen=True)
class Instance:
    """A launched model, whatever its outcome, as `instances` lists it.

    Args:
        uid: Its UID.
        name: The name in the registry.
        status: READY as soon as one replica is; see `replicas`.
        replicas: All replicas, including failed and ended ones.
        created: When its launch began, in seconds since 1970 by the server's clock.
    """

    uid: str
    name: str
    status: str
    replicas: tuple[ReplicaStatus, ...] = ()
    created: int | None = None

    @classmethod
    def from_json(cls, data: Json) -> Instance:
        """Read an element of ``GET /v1/models/instances``."""
        uid = text(data.get("model_uid")) or ""
        return cls(
            uid=uid,
            name=text(data.get("model_name")) or uid,
            status=text(data.get("status")) or "",
            replicas=_replicas(uid, data),
            created=number(data.get("instance_created_ts")),
        )


def _replicas(uid: str, data: Json) -> tuple[ReplicaStatus, ...]:
    """Read the replicas of an element of `instances`.

    For a model spread over several workers, the server reports only one status for all of it.
    """
    told = tuple(map(ReplicaStatus.from_json, objects(data.get("replica_statuses"))))
    if told or (number(data.get("n_worker")) or 1) == 1:
        return told
    status = text(data.get("status")) or ""
    count = min(number(data.get("replica")) or 1, _MOST_REPLICAS)
    error = "" if status == "ERROR" else None
    return tuple(
        ReplicaStatus(f"{uid}-rep{id_}", status, error=error, id=id_) for id_ in range(count)
    )


@dataclass(frozen=True)
class Event:
    """An event of a model; the server stores the last hundred per model.

    Args:
        time: When it happened, by the server's clock, in this machine's local time.
        type: INFO, WARNING or ERROR.
        text: What happened.
    """

    time: datetime | None
    type: str
    text: str

    @classmethod
    def from_json(cls, data: Json) -> Event:
        """Read an element of ``GET /v1/models/{uid}/events``."""
        return cls(
            time=_local_time(real(data.get("event_ts"))),
            type=text(data.get("event_type")) or "",
            text=text(data.get("event_content")) or "",
        )


def _local_time(seconds: float | None) -> datetime | None:
    """Convert seconds since 1970 to local time; None if out of range."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, ValueError, OSError):
        return None
