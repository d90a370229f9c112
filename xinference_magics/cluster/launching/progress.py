"""The progress of a launch as typed values: overall, per replica, and per downloaded file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.json_fields import number, objects, real, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.cluster.models import ReplicaStatus

UNKNOWN = "pending"
"""The stage that the server reports for a UID with no known launch."""

_NOT_BEGUN = {UNKNOWN, "launching", ""}


@dataclass(frozen=True)
class Download:
    """A model file that is being downloaded to a worker.

    Args:
        name: The file's name.
        done: Bytes downloaded so far.
        total: Size of the file in bytes; None if the server does not know it.
        speed: Bytes per second; None if unknown or if the download is complete.
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
    """The startup progress of one replica.

    Args:
        uid: ``<model uid>-rep0`` and so on.
        stage: The same values as `LaunchProgress.stage`.
        fraction: From 0 to 1; None when nothing is measured.
        worker: The worker it was placed on, ``host:port``.
        downloads: The files being downloaded for it, or just finished.
    """

    uid: str
    stage: str
    fraction: float | None = None
    worker: str | None = None
    downloads: tuple[Download, ...] = ()


@dataclass(frozen=True)
class LaunchProgress:
    """The progress of a launch at one moment.

    Args:
        stage: ``starting``, ``waiting_for_dependencies``, ``installing_dependencies``,
            ``downloading``, ``loading``, ``ready``, ``failed``; ``unwinding`` while waiting for
            a failure's reason.
        fraction: From 0 to 1 during a download; None at other times, when the server's number
            does not change.
        replicas: The state of each replica.
        parts: The progress of each replica.
        done: Whether the launch is over, successful or not.
        failed_reason: Why it failed, possibly an empty string; None if it has not failed.
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
        """Read ``GET /v1/models/{uid}/progress`` of a launch in progress."""
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
    """Return the stage; for older servers, which report none, assume ``loading``."""
    stage = text(data.get("stage", "loading")) or ""
    return "starting" if stage in _NOT_BEGUN else stage


def _counted(stage: str, data: Mapping[str, Any]) -> float | None:
    return real(data.get("progress")) if stage == "downloading" else None
