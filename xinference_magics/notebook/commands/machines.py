"""The machines of the cluster: workers, replicas, logs and events."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from xinference_magics.errors import (
    AuthenticationError,
    ConnectError,
    NotebookError,
    PermissionDeniedError,
)
from xinference_magics.notebook import options
from xinference_magics.notebook.arguments import Option, Values
from xinference_magics.notebook.commands.command import THERE, UID, Command
from xinference_magics.notebook.commands.watching import WATCH
from xinference_magics.notebook.readers import count

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Sequence

    from xinference_magics.cluster.machines import Machines, Snapshot
    from xinference_magics.cluster.models import ReplicaStatus
    from xinference_magics.notebook.results.machines import Events, Lines, Replicas, Workers
    from xinference_magics.notebook.session import Session

_LINES = 50


def _replica_count(text: str) -> int:
    if text == "0":
        raise argparse.ArgumentTypeError(
            "a model needs at least one replica: %xinference terminate ends a model"
        )
    return count(text)


def workers(session: Session, arguments: Arguments) -> Workers:
    """Show the workers, what is placed there, and how they are."""
    from xinference_magics.display.amounts import duration
    from xinference_magics.notebook.results.machines import Workers

    machines = session.visit(arguments.endpoint).machines
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
    """Look at what the credentials allow; the last value names what they do not."""
    try:
        seen = machines.look()
    except AuthenticationError:
        return machines.status(), {}, ["the replicas", "the versions"]
    hidden = ["the replicas"] if seen.instances is None else []
    try:
        return seen, machines.versions(), hidden
    except PermissionDeniedError:
        return seen, {}, [*hidden, "the versions"]


def replicas(session: Session, arguments: Arguments) -> Replicas:
    """Show the replicas of a model, or bring them to another number and wait until it holds."""
    from xinference_magics.notebook.results.machines import Replicas

    cluster = session.visit(arguments.endpoint)
    if arguments.count is None and arguments.worker_ip is not None:
        raise NotebookError(
            "--worker-ip also needs the number of replicas.",
            hint=f"%xinference replicas {arguments.uid} N --worker-ip {arguments.worker_ip}",
        )
    found = cluster.machines.replicas(arguments.uid)
    if not any(each.ready or each.loading for each in found):
        cluster.describe(arguments.uid)  # raises what is known about a UID that does not run
    if arguments.count is not None:
        found = _scale(session, cluster.machines, arguments)
    return Replicas(found)


def _scale(session: Session, machines: Machines, arguments: Arguments) -> list[ReplicaStatus]:
    from xinference_magics.cluster.scaling import Scaling
    from xinference_magics.display.amounts import counted
    from xinference_magics.display.progress import Part
    from xinference_magics.notebook.commands.waiting import followed
    from xinference_magics.notebook.results.machines import ready_of

    uid, wanted = arguments.uid, arguments.count
    goes_on = f"New replicas of {uid} are still loading: %xinference replicas {uid} shows them."
    with followed(f"Bringing {uid} to {counted(wanted, 'replica')}", "ready", goes_on) as view:

        def look(seen: Sequence[ReplicaStatus]) -> None:
            parts = [Part(each.uid, each.status.lower()) for each in seen]
            view.update("loading", None, f"{ready_of(seen)} replicas ready", parts)

        return Scaling(machines, uid, wanted, arguments.worker_ip).run(session.say, look)


def logs(session: Session, arguments: Arguments) -> Lines | Events:
    """Show a model's events, or the end of the log of the server, a worker or this package."""
    from xinference_magics.notebook.results.machines import Events

    if arguments.client:
        return _client_log(arguments)
    if arguments.uid is None:
        return _log(session, arguments)
    if arguments.worker is not None:
        raise NotebookError(
            "A worker's log covers all its models.",
            hint=f"Leave out the UID: %xinference logs --worker {arguments.worker}",
        )
    cluster = session.visit(arguments.endpoint)
    return Events(cluster.machines.events(arguments.uid)[-arguments.lines :])


def _client_log(arguments: Arguments) -> Lines:
    from xinference_magics.notebook.client_log import kept_lines
    from xinference_magics.notebook.results.machines import Lines

    if arguments.uid or arguments.worker or arguments.endpoint:
        raise NotebookError(
            "This package's own log covers all models, workers and servers.",
            hint="Leave out the others: %xinference logs --client",
        )
    return Lines(kept_lines()[-arguments.lines :])


def _log(session: Session, arguments: Arguments) -> Lines:
    """Read the private server's log from its file, which outlives it; else ask for it."""
    from xinference_magics.cluster import local
    from xinference_magics.cluster.server_log import without_secrets
    from xinference_magics.notebook.results.machines import Lines

    try:
        cluster = session.visit(arguments.endpoint)
    except ConnectError:
        if arguments.endpoint or session.configured or not (lines := local.read_log()):
            raise
        return Lines(lines[-arguments.lines :])
    if arguments.worker is None and local.is_at(cluster.endpoint):
        lines = local.read_log()
    else:
        lines = without_secrets(cluster.machines.log(arguments.worker))
    return Lines(lines[-arguments.lines :])


COMMANDS = (
    Command(
        "workers",
        "Show the cluster's workers: load, memory, replicas, health.",
        workers,
        THERE,
        ("%xinference workers",),
    ),
    Command(
        "replicas",
        "Show a model's replicas; with a number, add or remove some.",
        replicas,
        (
            UID,
            Option(("count",), "Number of replicas wanted.", metavar="N", type=_replica_count),
            options.WORKER_IP,
            *THERE,
        ),
        ("%xinference replicas my-model", "%xinference replicas my-model 3"),
    ),
    WATCH,
    Command(
        "logs",
        "Show the server's log, or a model's events if a UID is given.",
        logs,
        (
            replace(UID, help="UID of a model (default: the server's log).", required=False),
            Option(("--lines", "-n"), "Number of lines, counted from the end.", "", "N", count,
                   default=_LINES),
            Option(("--worker", "-w"), "Address of the worker whose log to show.",
                   metavar="ADDRESS", values=Values.WORKER),
            Option(("--client",), "Show what this package has logged here: its requests, and the "
                   "tracebacks behind errors.", words=0),
            *THERE,
        ),
        (
            "%xinference logs -n 20",
            "%xinference logs my-model",
            "%xinference logs --client -n 50",
        ),
    ),
)  # fmt: skip
