"""How a launch goes, as typed values: the whole of it, each replica, each file that is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.models import number, objects, real, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.cluster.models import ReplicaStatus

UNKNOWN = "pending"
"""The server's stage for a UID whose launch it does not know."""

_NOT_BEGUN = {UNKNOWN, "launching", ""}


@dataclass(frozen=True)
class Download:
    """A file of a model on its way to a worker.

    Args:
        name: Of the file.
        done: Bytes that have arrived.
        total: Bytes of the file; None where the server does not know.
        speed: Bytes per second; None where it is not known, or all have arrived.
    """

    name: str
    done: int
    total: int | None = None
    speed: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Download:
        """Read an element of `download_files`."""
        return cls(
            name=text(data.get("name")) or "",
            done=number(data.get("downloaded_bytes")) or 0,
            total=number(data.get("total_bytes")),
            speed=real(data.get("speed_bytes_per_second")),
        )


@dataclass(frozen=True)
class ReplicaProgress:
    """How one replica comes up.

    Args:
        uid: ``<model uid>-rep0`` and so on.
        stage: As of `LaunchProgress`.
        fraction: From 0 to 1; None where nothing is counted.
        worker: The worker it was placed on, ``host:port``.
        downloads: The files that are fetched for it now, or have just been.
    """

    uid: str
    stage: str
    fraction: float | None = None
    worker: str | None = None
    downloads: tuple[Download, ...] = ()


@dataclass(frozen=True)
class LaunchProgress:
    """How a launch goes at one moment.

    Args:
        stage: ``starting``, ``waiting_for_dependencies``, ``installing_dependencies``,
            ``downloading``, ``loading``, ``ready``, ``failed``; ``unwinding`` while a failure's
            reason is awaited.
        fraction: From 0 to 1 while something is downloaded; None at other times, as the server's
            number then stands still.
        replicas: The state of each replica.
        parts: How far each replica is.
        done: Whether it is over, well or not.
        failed_reason: Why it failed, which may be an empty text; None while it has not.
    """

    stage: str
    fraction: float | None
    replicas: tuple[ReplicaStatus, ...] = ()
    parts: tuple[ReplicaProgress, ...] = ()
    done: bool = False
    failed_reason: str | None = None

    @classmethod
    def from_json(
        cls, data: Mapping[str, Any], replicas: tuple[ReplicaStatus, ...]
    ) -> LaunchProgress:
        """Read ``GET /v1/models/{uid}/progress`` of a launch that is under way."""
        listed = {
            text(each.get("replica_model_uid")): each for each in objects(data.get("replicas"))
        }
        parts = tuple(_part(replica, listed.get(replica.uid, {})) for replica in replicas)
        stage = _stage(data)
        return cls(stage, _counted(stage, data), replicas, parts)


def _part(replica: ReplicaStatus, data: Mapping[str, Any]) -> ReplicaProgress:
    stage = "ready" if replica.ready else _stage(data)
    return ReplicaProgress(
        replica.uid,
        stage,
        _counted(stage, data),
        replica.worker,
        tuple(map(Download.from_json, objects(data.get("download_files")))),
    )


def _stage(data: Mapping[str, Any]) -> str:
    """Return the stage; older servers tell none, and load as far as can be seen."""
    stage = text(data.get("stage", "loading")) or ""
    return "starting" if stage in _NOT_BEGUN else stage


def _counted(stage: str, data: Mapping[str, Any]) -> float | None:
    return real(data.get("progress")) if stage == "downloading" else None
