"""The machines of a cluster: its workers, what is placed there, and how much it has to do.

The numbers of a worker are those of its own reports, every five seconds, as the supervisor
keeps them; `/status` shows them to everyone. Placement is read from `/v1/models/instances`
and not from `/v1/workers`, which fails as a whole while one worker is out of reach.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.api import in_path, may_pass
from xinference_magics.cluster.models import (
    Event,
    Instance,
    Json,
    ReplicaStatus,
    number,
    objects,
    real,
    text,
)
from xinference_magics.errors import ConnectError, PermissionDeniedError, ServerError
from xinference_magics.shown import Shown
from xinference_magics.transport.endpoint import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xinference_magics.cluster.api import ManagementApi

_log = logging.getLogger(__name__)

LATE = 10.0
"""Seconds of silence after which the server begins to count a worker out (its default)."""

_DROPPED = 60.0  # seconds; a dead worker is dropped after 20-25
_TICK = 1.0  # seconds
_LOADING = 3600.0  # seconds: a replica's request is answered when it has loaded, or downloaded
_REQUESTS = re.compile(
    r'^requests_total_counter\{method="POST",path="/(?:v1/(?:chat/completions|completions|'
    r"messages|responses|embeddings|rerank|images/|audio/|video/|flexible/)|anthropic/)"
    r'[^"]*"\} (?P<count>\d{1,18}(?:\.\d{1,18})?(?:e\+?\d{1,2})?)$',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Device:
    """A GPU of a worker.

    Args:
        name: As its driver names it.
        memory_used: Bytes.
        memory_total: Bytes.
        load: How busy it is, from 0 to 1.
    """

    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    load: float | None = None

    @classmethod
    def from_json(cls, key: str, data: Json) -> Device:
        """Read a GPU of a worker's status."""
        percent = real(data.get("gpu_util"))
        return cls(
            name=text(data.get("name")) or key,
            memory_used=_whole(data.get("mem_used")),
            memory_total=_whole(data.get("mem_total")),
            load=None if percent is None else percent / 100,
        )


@dataclass(frozen=True)
class Worker:
    """A worker of a cluster, as it reported itself last.

    Args:
        address: ``host:port``, as `--worker-ip` takes it.
        heard: Seconds since its last report.
        checks_left: How many more checks it may miss before the server drops it.
        cpus: How many it has.
        cpu_load: How busy they are, from 0 to 1.
        memory_used: Bytes of RAM.
        memory_total: Bytes of RAM.
        devices: Its GPUs.
        version: Of its Xinference; None where only an administrator may know.
        replicas: UIDs of the replicas placed there; None where the credentials may not know.
    """

    address: str
    heard: float | None = None
    checks_left: int | None = None
    cpus: int | None = None
    cpu_load: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    devices: tuple[Device, ...] = ()
    version: str | None = None
    replicas: tuple[str, ...] | None = None

    @property
    def late(self) -> bool:
        """Whether its reports are missing: it may have died."""
        return self.heard is not None and self.heard > LATE

    @classmethod
    def from_json(cls, address: str, data: Json, clock: float) -> Worker:
        """Read a worker of ``GET /status``, answered at `clock` by the server's clock."""
        parts = data.get("status")
        status = {
            name: part
            for name, part in (parts.items() if isinstance(parts, Mapping) else ())
            if isinstance(part, Mapping)
        }
        cpu = status.pop("cpu", {})
        reported = real(data.get("update_time"))
        return cls(
            address=address,
            heard=None if reported is None else max(clock - reported, 0.0),
            checks_left=number(data.get("failure_remaining_count")),
            cpus=_whole(cpu.get("total")),
            cpu_load=real(cpu.get("usage")),
            memory_used=_whole(cpu.get("memory_used")),
            memory_total=_whole(cpu.get("memory_total")),
            devices=tuple(Device.from_json(name, part) for name, part in status.items()),
        )


@dataclass(frozen=True)
class Snapshot(Shown):
    """A cluster at one moment.

    Args:
        workers: By address.
        clock: When, in seconds since 1970 by the server's clock.
        uptime: Seconds since the supervisor was started.
        instances: What was launched; None where the credentials may not know.
        requests: Questions to models since the API was started; None where it counts none.
    """

    workers: tuple[Worker, ...]
    clock: float
    uptime: int | None = None
    instances: tuple[Instance, ...] | None = None
    requests: int | None = None


class Machines:
    """The workers and replicas of a cluster.

    Args:
        api: The requests to the cluster.
    """

    def __init__(self, api: ManagementApi) -> None:
        self._api = api

    def look(self) -> Snapshot:
        """Return what runs where, in two requests.

        Raises:
            AuthenticationError: Nobody may know the placement without credentials; see `status`.
        """
        seen = self.status()
        try:
            instances = tuple(self.instances())
        except PermissionDeniedError:
            return seen
        workers = tuple(_with_replicas(worker, instances) for worker in seen.workers)
        return replace(seen, workers=workers, instances=instances)

    def status(self) -> Snapshot:
        """Return what everyone may know: the workers without what is placed there."""
        data, clock = self._api.get_dated(dict, "/status")
        listed = data.get("workers")
        workers = [
            Worker.from_json(address, each, clock)
            for address, each in sorted((listed if isinstance(listed, Mapping) else {}).items())
            if isinstance(each, Mapping)
        ]
        return Snapshot(tuple(workers), clock, number(data.get("uptime")))

    def instances(self) -> list[Instance]:
        """Return all that was launched since the server was started."""
        listed = self._api.get(list, "/v1/models/instances")
        return [Instance.from_json(each) for each in objects(listed)]

    def supervisor(self) -> str | None:
        """Return the supervisor's address; no credentials are needed to know it."""
        return text(self._api.get(str, "/v1/address"))

    def versions(self) -> dict[str, str]:
        """Return the version of each worker's Xinference.

        Raises:
            AuthenticationError: There are no credentials.
            PermissionDeniedError: They are not an administrator's.
        """
        listed = self._api.get(list, "/v1/cluster/info", detailed="true")
        told = (
            (text(each.get("ip_address")), text(each.get("software_version")))
            for each in objects(listed)
        )
        return {address: version for address, version in told if address and version}

    def requests(self) -> int | None:
        """Return how many questions the API took since it was started; None if it counts none.

        Which of them still run only the workers' own metrics tell, at ports nobody announces.
        """
        api = self._api
        try:
            told = api.ask(str, lambda: api.client.session.get(f"{api.endpoint}/metrics").text)
        except (ServerError, ConnectError):
            _log.debug("The server counts no requests", exc_info=True)
            return None
        return round(sum(float(each["count"]) for each in _REQUESTS.finditer(told)))

    def replicas(self, uid: str) -> list[ReplicaStatus]:
        """Return the replicas of a model with the addresses of their processes; none if unknown."""
        listed = self._api.get(list, f"/v1/models/{in_path(uid)}/replicas")
        found = [ReplicaStatus.from_json(each) for each in objects(listed)]
        return sorted(found, key=lambda each: each.id or 0)

    def add_replicas(self, uid: str, count: int, worker: str | None = None) -> None:
        """Add replicas, all or none; returns when they are ready.

        Args:
            uid: A model that runs.
            count: How many to add.
            worker: Where; None lets the supervisor choose.
        """
        body: dict[str, Any] = {"replica": count}
        if worker:
            body["replica_config"] = [_placed(uid, worker) for _ in range(count)]
        self._api.post(dict, f"/v1/models/{in_path(uid)}/replicas", body, patience=_LOADING)

    def end_replica(self, uid: str, replica_id: int) -> None:
        """End one replica; its requests fail."""
        self._api.slowly("DELETE", f"/v1/models/{in_path(uid)}/replicas/{replica_id}")

    def events(self, uid: str) -> list[Event]:
        """Return what has happened to a model, oldest first; also to one that is gone."""
        listed = self._api.get(list, f"/v1/models/{in_path(uid)}/events")
        return [Event.from_json(each) for each in objects(listed)]

    def log(self, worker: str | None = None) -> list[str]:
        """Return the end of the log of the supervisor, or of a worker; at most 256 KiB.

        Raises:
            PermissionDeniedError: The credentials have not the permission `logs:list`.
        """
        source = worker or "supervisor"
        told = self._api.get(dict, "/v1/cluster/runtime-logs", source=source)
        return (text(told.get("text")) or "").splitlines()

    def operation(self, path: str, body: Json | None = None) -> dict[str, Any]:
        """Begin an operation of the server with a body, or ask how it goes."""
        return self._api.get(dict, path) if body is None else self._api.post(dict, path, dict(body))

    def stop(self) -> None:
        """Stop the workers, the supervisor and the API, and with them every model.

        The API ends itself while it answers: a connection that it cuts is its answer. The
        supervisor trips over workers that leave while it stops them, or that are dead and not
        yet dropped, and goes on itself: it is asked again until it ends.

        Raises:
            ServerError: It still fails when a dead worker would have been dropped.
        """
        deadline = time.monotonic() + _DROPPED
        while True:
            try:
                return self._api.slowly("DELETE", "/v1/clusters")
            except ConnectError:
                if self._answers():
                    raise
                return None
            except ServerError as error:
                if not may_pass(error) or time.monotonic() > deadline:
                    raise
            time.sleep(_TICK)

    def _answers(self) -> bool:
        try:
            self._api.get(dict, "/v1/cluster/auth")
        except (ConnectError, ServerError):
            _log.debug("The server does not answer any more", exc_info=True)
            return False
        return True


def reload_path(uid: str) -> str:
    """Return where a model is reloaded."""
    return f"/v1/models/{in_path(uid)}/reload"


def relaunch_path(component: str, operation: str | None = None) -> str:
    """Return where the ``api`` or the ``supervisor`` is relaunched, or that is followed."""
    if operation is None:
        return f"/v1/{component}/relaunch"
    return f"/v1/{component}-relaunches/{quoted(operation)}"


def _placed(uid: str, worker: str) -> dict[str, Any]:
    """Place a replica under a label of its own: the usual ones may be held by failed replicas."""
    label = f"{uid}-{secrets.token_hex(4)}"
    return {"replica_uid": label, "devices": [{"worker_ip": worker}]}


def _with_replicas(worker: Worker, instances: Iterable[Instance]) -> Worker:
    placed = (
        each.uid
        for instance in instances
        for each in instance.replicas
        if each.worker == worker.address and (each.ready or each.loading)
    )
    return replace(worker, replicas=tuple(placed))


def _whole(value: object) -> int | None:
    amount = real(value)
    return None if amount is None else int(amount)
