"""The machines of the cluster: workers, replicas, logs and events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xinference_magics.errors import (
    AuthenticationError,
    ConnectError,
    NotebookError,
    PermissionDeniedError,
)
from xinference_magics.notebook.command_line.option import WORKER_IP, Option, Values, given
from xinference_magics.notebook.command_line.readers import count, replica_count
from xinference_magics.notebook.commands.command import UID, Command, ThereOptions
from xinference_magics.notebook.commands.watching import WATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.cluster.machines import Machines, Snapshot
    from xinference_magics.cluster.models import ReplicaStatus
    from xinference_magics.notebook.results.machines import Events, Lines, Replicas, Workers
    from xinference_magics.notebook.session.session import Session

_LINES = 50


def workers(session: Session, options: ThereOptions) -> Workers:
    """Show the workers, the replicas placed there, and their state."""
    from xinference_magics.display.amounts import duration
    from xinference_magics.notebook.results.machines import Workers

    machines = session.connector.visit(options.endpoint).machines
    seen, versions, hidden = _visible(machines)
    found = Workers(
        replace(worker, version=versions.get(worker.address)) for worker in seen.workers
    )
    up = f", up {duration(seen.uptime)}" if seen.uptime is not None else ""
    said = f"Supervisor {machines.supervisor() or 'unknown'}{up}."
    if hidden:
        said = f"{said} These credentials are not allowed to see {' and '.join(hidden)}."
    found.caption = said
    return found


def _visible(machines: Machines) -> tuple[Snapshot, dict[str, str], list[str]]:
    """Return what the credentials may see; the last value names what they may not."""
    try:
        seen = machines.look()
    except AuthenticationError:
        return machines.status(), {}, ["the replicas", "the versions"]
    hidden = ["the replicas"] if seen.instances is None else []
    try:
        return seen, machines.versions(), hidden
    except PermissionDeniedError:
        return seen, {}, [*hidden, "the versions"]


@dataclass(frozen=True, kw_only=True)
class ReplicasOptions(ThereOptions):
    """The options of ``%xinference replicas``."""

    uid: str = given(UID)
    count: int | None = given(
        Option(("count",), help="Number of replicas wanted.", metavar="N", type=replica_count)
    )
    worker_ip: str | None = given(WORKER_IP)


def replicas(session: Session, options: ReplicasOptions) -> Replicas:
    """Show the replicas of a model, or change their number and wait until it is reached."""
    from xinference_magics.notebook.results.machines import Replicas

    cluster = session.connector.visit(options.endpoint)
    if options.count is None and options.worker_ip is not None:
        raise NotebookError(
            "--worker-ip also needs the number of replicas.",
            hint=f"%xinference replicas {options.uid} N --worker-ip {options.worker_ip}",
        )
    found = cluster.machines.replicas(options.uid)
    if not any(each.ready or each.loading for each in found):
        cluster.describe(options.uid)  # raises what is known about a UID that is not running
    if options.count is not None:
        found = _scale(session, cluster.machines, options.uid, options.count, options.worker_ip)
    return Replicas(found)


def _scale(
    session: Session, machines: Machines, uid: str, wanted: int, worker: str | None
) -> list[ReplicaStatus]:
    from xinference_magics.cluster.scaling import Scaling
    from xinference_magics.display.amounts import counted
    from xinference_magics.display.progress import Part
    from xinference_magics.notebook.commands.waiting import followed
    from xinference_magics.notebook.results.machines import ready_of

    interrupted = f"New replicas of {uid} are still loading: %xinference replicas {uid} shows them."
    with followed(f"Bringing {uid} to {counted(wanted, 'replica')}", "ready", interrupted) as view:

        def look(seen: Sequence[ReplicaStatus]) -> None:
            parts = [Part(each.uid, each.status.lower()) for each in seen]
            view.update("loading", None, f"{ready_of(seen)} replicas ready", parts)

        return Scaling(machines, uid, wanted, worker).run(session.say, look)


@dataclass(frozen=True, kw_only=True)
class LogsOptions(ThereOptions):
    """The options of ``%xinference logs``."""

    uid: str | None = given(
        replace(UID, help="UID of a model (default: the server's log).", required=False)
    )
    lines: int = given(
        Option(
            ("--lines", "-n"),
            help="Number of lines, counted from the end.",
            metavar="N",
            type=count,
            default=_LINES,
        )
    )
    worker: str | None = given(
        Option(
            ("--worker", "-w"),
            help="Address of the worker whose log to show.",
            metavar="ADDRESS",
            values=Values.WORKER,
        )
    )
    client: bool = given(
        Option(
            ("--client",),
            help="Show what this package has logged here: its requests, and the tracebacks behind "
            "errors.",
            words=0,
        )
    )


def logs(session: Session, options: LogsOptions) -> Lines | Events:
    """Show a model's events, or the end of the log of the server, a worker or this package."""
    from xinference_magics.notebook.results.machines import Events

    if options.client:
        return _client_log(options)
    if options.uid is None:
        return _log(session, options)
    if options.worker is not None:
        raise NotebookError(
            "A worker's log covers all its models.",
            hint=f"Leave out the UID: %xinference logs --worker {options.worker}",
        )
    cluster = session.connector.visit(options.endpoint)
    found = Events(cluster.machines.events(options.uid)[-options.lines :])
    if found and options.uid not in {model.uid for model in cluster.models()}:
        # The server records neither the loss of a worker nor the end of a process.
        found.caption = f"{options.uid} is not running now."
    return found


def _client_log(options: LogsOptions) -> Lines:
    from xinference_magics.notebook.client_log import kept_lines
    from xinference_magics.notebook.results.machines import Lines

    if options.uid or options.worker or options.endpoint:
        raise NotebookError(
            "This package's own log covers all models, workers and servers.",
            hint="Leave out the others: %xinference logs --client",
        )
    return Lines(kept_lines()[-options.lines :])


def _log(session: Session, options: LogsOptions) -> Lines:
    """Read the private server's log from its file, which outlives it; request any other log."""
    from xinference_magics.local_server import server as local
    from xinference_magics.local_server.server_log import without_secrets
    from xinference_magics.notebook.results.machines import Lines

    try:
        cluster = session.connector.visit(options.endpoint)
    except ConnectError:
        if options.endpoint or session.connector.is_configured or not (lines := local.read_log()):
            raise
        return Lines(lines[-options.lines :])
    if options.worker is None and local.is_at(cluster.endpoint):
        lines = local.read_log()
    else:
        lines = without_secrets(cluster.machines.log(options.worker))
    return Lines(lines[-options.lines :])


COMMANDS = (
    Command(
        "workers",
        "Show the cluster's workers: load, memory, replicas, health.",
        workers,
        ThereOptions,
        ("%xinference workers",),
    ),
    Command(
        "replicas",
        "Show a model's replicas; with a number, add or remove some.",
        replicas,
        ReplicasOptions,
        ("%xinference replicas my-model", "%xinference replicas my-model 3"),
    ),
    WATCH,
    Command(
        "logs",
        "Show the server's log, or a model's events if a UID is given.",
        logs,
        LogsOptions,
        (
            "%xinference logs -n 20",
            "%xinference logs my-model",
            "%xinference logs --client -n 50",
        ),
    ),
)
