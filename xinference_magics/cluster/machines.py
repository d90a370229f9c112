"""The machines of a cluster: its workers, the replicas placed there, and the load.

A worker's numbers come from its own reports, sent every five seconds and stored by the
supervisor; `/status` shows them to everyone. Placement is read from `/v1/models/instances`,
not from `/v1/workers`, which fails as a whole while one worker is unreachable.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.api import in_path, may_pass
from xinference_magics.cluster.models import Event, Instance, ReplicaStatus
from xinference_magics.errors import ConnectError, PermissionDeniedError, ServerError
from xinference_magics.json_fields import Json, mappings, number, objects, real, text
from xinference_magics.shown import Shown
from xinference_magics.transport.endpoint import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xinference_magics.cluster.api import ManagementApi

_log = logging.getLogger(__name__)

LATE = 10.0
"""Default silence in seconds after which the server starts counting a worker's missed checks."""

_DROPPED = 60.0  # seconds; a dead worker is dropped after 20-25
_TICK_SECONDS = 1.0  # seconds
_LOADING = 3600.0  # seconds: adding a replica returns once it has downloaded and loaded
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
        name: The name its driver reports.
        memory_used: Bytes.
        memory_total: Bytes.
        load: Utilization, from 0 to 1.
    """

    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    load: float | None = None

    @classmethod
    def from_json(cls, key: str, data: Json) -> Device:
        """Read a GPU from a worker's status."""
        percent = real(data.get("gpu_util"))
        return cls(
            name=text(data.get("name")) or key,
            memory_used=_whole(data.get("mem_used")),
            memory_total=_whole(data.get("mem_total")),
            load=None if percent is None else percent / 100,
        )


@dataclass(frozen=True)
class Worker:
    """A worker of a cluster, as of its last report.

    Args:
        address: ``host:port``, as `--worker-ip` accepts it.
        heard: Seconds since its last report.
        checks_left: How many more checks it may miss before the server drops it.
        cpus: Number of CPUs.
        cpu_load: CPU utilization, from 0 to 1.
        memory_used: Bytes of RAM.
        memory_total: Bytes of RAM.
        devices: Its GPUs.
        version: Its Xinference version; None if only an administrator may read it.
        replicas: UIDs of its replicas; None if the credentials don't permit reading them.
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
        """Whether its reports are overdue, so that it may have died."""
        return self.heard is not None and self.heard > LATE

    @classmethod
    def from_json(cls, address: str, data: Json, clock: float) -> Worker:
        """Read a worker from ``GET /status``; `clock` is the server's time of the response."""
        status = mappings(data.get("status"))
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
        workers: The workers, sorted by address.
        clock: When it was taken, in seconds since 1970 by the server's clock.
        uptime: Seconds since the supervisor was started.
        instances: The launched models; None if the credentials don't permit reading them.
        requests: Model requests since the API was started; None if it does not count them.
    """

    workers: tuple[Worker, ...]
    clock: float
    uptime: int | None = None
    instances: tuple[Instance, ...] | None = None
    requests: int | None = None


class Machines:
    """The workers and replicas of a cluster.

    Args:
        api: The cluster's management API.
    """

    def __init__(self, api: ManagementApi) -> None:
        self._api = api

    def look(self) -> Snapshot:
        """Return what runs where, using two requests.

        Raises:
            AuthenticationError: The placement requires credentials; `status` does not.
        """
        seen = self.status()
        try:
            instances = tuple(self.instances())
        except PermissionDeniedError:
            return seen
        workers = tuple(_with_replicas(worker, instances) for worker in seen.workers)
        return replace(seen, workers=workers, instances=instances)

    def status(self) -> Snapshot:
        """Return what anyone may read: the workers, without the replicas placed on them."""
        data, clock = self._api.get_dated(dict, "/status")
        workers = [
            Worker.from_json(address, each, clock)
            for address, each in sorted(mappings(data.get("workers")).items())
        ]
        return Snapshot(tuple(workers), clock, number(data.get("uptime")))

    def instances(self) -> list[Instance]:
        """Return all models launched since the server was started."""
        listed = self._api.get(list, "/v1/models/instances")
        return [Instance.from_json(each) for each in objects(listed)]

    def supervisor(self) -> str | None:
        """Return the supervisor's address; needs no credentials."""
        return text(self._api.get(str, "/v1/address"))

    def versions(self) -> dict[str, str]:
        """Return the version of each worker's Xinference.

        Raises:
            AuthenticationError: There are no credentials.
            PermissionDeniedError: The credentials are not an administrator's.
        """
        listed = self._api.get(list, "/v1/cluster/info", detailed="true")
        told = (
            (text(each.get("ip_address")), text(each.get("software_version")))
            for each in objects(listed)
        )
        return {address: version for address, version in told if address and version}

    def requests(self) -> int | None:
        """Return how many model requests the API has received; None if it does not count them.

        The count starts when the API does. Only the workers' own metrics show which requests are
        still running, on ports that are not announced.
        """
        api = self._api
        try:
            told = api.ask(str, lambda: api.client.session.get(f"{api.endpoint}/metrics").text)
        except (ServerError, ConnectError):
            _log.debug("The server counts no requests", exc_info=True)
            return None
        return round(sum(float(each["count"]) for each in _REQUESTS.finditer(told)))

    def replicas(self, uid: str) -> list[ReplicaStatus]:
        """Return a model's replicas with the addresses of their processes; empty if unknown."""
        listed = self._api.get(list, f"/v1/models/{in_path(uid)}/replicas")
        found = [ReplicaStatus.from_json(each) for each in objects(listed)]
        return sorted(found, key=lambda each: each.id or 0)

    def add_replicas(self, uid: str, count: int, worker: str | None = None) -> None:
        """Add replicas, all or none; return when they are ready.

        Args:
            uid: The UID of a running model.
            count: How many to add.
            worker: The worker to place them on; None lets the supervisor choose.
        """
        body: dict[str, Any] = {"replica": count}
        if worker:
            body["replica_config"] = [_placed(uid, worker) for _ in range(count)]
        self._api.post(dict, f"/v1/models/{in_path(uid)}/replicas", body, patience=_LOADING)

    def end_replica(self, uid: str, replica_id: int) -> None:
        """End one replica; its running requests fail."""
        self._api.slowly("DELETE", f"/v1/models/{in_path(uid)}/replicas/{replica_id}")

    def events(self, uid: str) -> list[Event]:
        """Return the events of a model, oldest first; also works for a model that is gone."""
        listed = self._api.get(list, f"/v1/models/{in_path(uid)}/events")
        return [Event.from_json(each) for each in objects(listed)]

    def log(self, worker: str | None = None) -> list[str]:
        """Return the last lines of the supervisor's or a worker's log, at most 256 KiB.

        Raises:
            PermissionDeniedError: The credentials lack the permission `logs:list`.
        """
        source = worker or "supervisor"
        told = self._api.get(dict, "/v1/cluster/runtime-logs", source=source)
        return (text(told.get("text")) or "").splitlines()

    def operation(self, path: str, body: Json | None = None) -> dict[str, Any]:
        """Start a server operation with `body`, or query its state if `body` is None."""
        return self._api.get(dict, path) if body is None else self._api.post(dict, path, dict(body))

    def stop(self) -> None:
        """Stop the workers, the supervisor and the API, and with them every model.

        The API shuts down while it responds, so a dropped connection counts as success. The
        supervisor fails on workers that leave while it stops them, or that are dead but not yet
        dropped, and then keeps running; the request is repeated until it ends.

        Raises:
            ServerError: It still fails after any dead worker should have been dropped.
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
            time.sleep(_TICK_SECONDS)

    def _answers(self) -> bool:
        try:
            self._api.get(dict, "/v1/cluster/auth")
        except (ConnectError, ServerError):
            _log.debug("The server does not answer any more", exc_info=True)
            return False
        return True


def reload_path(uid: str) -> str:
    """Return the path that reloads a model."""
    return f"/v1/models/{in_path(uid)}/reload"


def relaunch_path(component: str, operation: str | None = None) -> str:
    """Return the path that relaunches the ``api`` or ``supervisor``, or follows a relaunch."""
    if operation is None:
        return f"/v1/{component}/relaunch"
    return f"/v1/{component}-relaunches/{quoted(operation)}"


def _placed(uid: str, worker: str) -> dict[str, Any]:
    """Place a replica under a unique label, as failed replicas may still hold the usual ones."""
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
