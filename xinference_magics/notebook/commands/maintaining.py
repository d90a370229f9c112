"""Commands for administrators: reload a model, relaunch the services, stop the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from xinference_magics.display.amounts import counted
from xinference_magics.errors import NotebookError, PermissionDeniedError, UsageError
from xinference_magics.notebook.command_line.option import Option, given
from xinference_magics.notebook.command_line.readers import json_object, seconds
from xinference_magics.notebook.commands.command import UID, YES, Command, ThereOptions, confirm
from xinference_magics.notebook.results.rows import done

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.operations import Operation
    from xinference_magics.notebook.results.rows import Done
    from xinference_magics.notebook.session.session import Session

_MAX_DRAIN_SECONDS = 3600.0  # seconds, the server's limit


_PYTHON = Option(
    ("--python-executable",), help="Path of another Python on the server's machine.", metavar="PATH"
)


@dataclass(frozen=True, kw_only=True)
class StopClusterOptions(ThereOptions):
    """The options of ``%xinference stop-cluster``."""

    yes: bool | None = given(YES)


def stop_cluster(session: Session, options: StopClusterOptions) -> Done:
    """Stop the supervisor, workers and all models of a cluster, after confirmation."""
    from xinference_magics.local_server import server as local

    cluster = session.connector.visit(options.endpoint)
    if local.is_at(cluster.endpoint):
        raise NotebookError(
            f"{cluster.endpoint} is the private server of this machine.",
            hint="%xinference stop ends it.",
        )
    confirm(options.yes, _question(cluster))
    cluster.machines.stop()
    if session.connector.uses(cluster.endpoint):
        session.connector.leave()
    return done(session, f"Stopped the cluster at {cluster.endpoint}.", cluster.endpoint)


def _question(cluster: Cluster) -> str:
    """Build the confirmation question, naming what would stop."""
    workers = [worker.address for worker in cluster.machines.status().workers]
    models = [model.uid for model in cluster.models()]
    return (
        f"Stop the Xinference at {cluster.endpoint} for everyone, with "
        f"{_named('worker', workers)} and {_named('model', models)}?"
    )


def _named(what: str, names: list[str]) -> str:
    return f"{counted(len(names), what)} ({', '.join(names)})" if names else f"no {what}"


@dataclass(frozen=True, kw_only=True)
class ReloadOptions(ThereOptions):
    """The options of ``%xinference reload``."""

    uid: str = given(UID)
    model_config: dict[str, Any] = given(
        Option(
            ("--model-config",),
            help="Parameters to change, as a JSON object.",
            metavar="JSON",
            type=json_object,
            default={},
        )
    )
    drain_timeout: float = given(
        Option(
            ("--drain-timeout",),
            help="Seconds to let running requests finish.",
            metavar="SECONDS",
            type=partial(seconds, 0.1, _MAX_DRAIN_SECONDS),
            default=300.0,
        )
    )
    python_executable: str | None = given(_PYTHON)


def reload(session: Session, options: ReloadOptions) -> Operation:
    """Change a model's engine parameters, and wait until they take effect."""
    from xinference_magics.cluster import operations

    if not options.model_config and not options.python_executable:
        raise UsageError("%xinference reload: nothing to change; give --model-config JSON")
    cluster = session.connector.visit(options.endpoint)
    body: dict[str, Any] = {
        "model_config": options.model_config,
        "drain_timeout": options.drain_timeout,
    }
    if options.python_executable:
        body["python_executable"] = options.python_executable
    cluster.describe(options.uid)
    run = partial(operations.reload, cluster.machines, options.uid, body)
    return _shown(f"Reloading {options.uid}", run, f"%xinference logs {options.uid}")


@dataclass(frozen=True, kw_only=True)
class RelaunchOptions(ThereOptions):
    """The options of ``%xinference relaunch-api`` and ``relaunch-supervisor``."""

    python_executable: str | None = given(_PYTHON)
    request_id: str | None = given(
        Option(
            ("--request-id",),
            help=(
                "Name for this operation: repeating it with the same name does not start it again."
            ),
        )
    )


def _relaunch(component: str, session: Session, options: RelaunchOptions) -> Operation:
    from xinference_magics.cluster import operations

    cluster = session.connector.visit(options.endpoint)
    body = {
        "python_executable": options.python_executable,
        "request_id": options.request_id,
    }
    run = partial(operations.relaunch, cluster.machines, component, body)
    return _shown(f"Relaunching the {component}", run, "%xinference status")


def _shown(
    title: str, run: Callable[[Callable[[Operation], None]], Operation], later: str
) -> Operation:
    """Show the progress of a server operation until it ends."""
    from xinference_magics.notebook.commands.waiting import followed

    interrupted = f"It continues without this notebook; check on it with {later}."
    try:
        with followed(title, "done", interrupted) as view:
            return run(lambda seen: view.update(seen.stage or seen.status, None))
    except PermissionDeniedError as error:
        error.hint = "This needs an administrator's login."
        raise


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """The options of ``%xinference service``."""

    action: list[str] | None = given(
        Option(("action",), help="Action to take there, such as status.", repeat=True)
    )
    system: bool | None = given(
        Option(("--system",), help="For a system service, not a user's.", words=0)
    )


def service(session: Session, options: ServiceOptions) -> Done:
    """Print where the system service is managed, and with which command line."""
    system = ["--system"] if options.system else []
    line = " ".join(["xinference service", *system, *(options.action or ["install --start"])])
    then = "." if options.action else ", then status, logs, stop, restart or uninstall."
    said = (
        "Services are managed on their machine, not from a notebook. In a terminal there: "
        f"{line}{then}"
    )
    return done(session, said, line)


COMMANDS = (
    Command(
        "reload",
        "Change the engine parameters of a vLLM or SGLang model.",
        reload,
        ReloadOptions,
        ("""%xinference reload my-model --model-config '{"max_model_len": 8192}'""",),
    ),
    Command(
        "relaunch-api",
        "Replace the server's API process; models keep running.",
        partial(_relaunch, "api"),
        RelaunchOptions,
        ("%xinference relaunch-api",),
    ),
    Command(
        "relaunch-supervisor",
        "Replace the supervisor's process; models keep running.",
        partial(_relaunch, "supervisor"),
        RelaunchOptions,
        ("%xinference relaunch-supervisor --python-executable /opt/xinference/bin/python",),
    ),
    Command(
        "stop-cluster",
        "Stop a whole cluster for everyone: supervisor, workers, models.",
        stop_cluster,
        StopClusterOptions,
        ("%xinference stop-cluster -e http://gpu-server:9997",),
        acts=True,
    ),
    Command(
        "service",
        "Show how to run Xinference as a system service.",
        service,
        ServiceOptions,
        ("%xinference service", "%xinference service status"),
        acts=True,
    ),
)
