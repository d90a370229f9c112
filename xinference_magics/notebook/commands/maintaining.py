"""What administrators do to a cluster: reload a model, relaunch its services, stop it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from xinference_magics.display.amounts import counted
from xinference_magics.errors import NotebookError, PermissionDeniedError
from xinference_magics.notebook.arguments import Option
from xinference_magics.notebook.commands.command import THERE, UID, YES, Command, confirm
from xinference_magics.notebook.readers import json_object, seconds
from xinference_magics.notebook.results.done import done

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Callable

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.operations import Operation
    from xinference_magics.notebook.results.done import Done
    from xinference_magics.notebook.session import Session

_LONGEST_DRAIN = 3600.0  # seconds, the server's limit


def stop_cluster(session: Session, arguments: Arguments) -> Done:
    """Stop supervisor, workers and every model of a cluster, having asked."""
    from xinference_magics.cluster import local

    cluster = session.visit(arguments.endpoint)
    if local.is_at(cluster.endpoint):
        raise NotebookError(
            f"{cluster.endpoint} is the private server of this machine.",
            hint="%xinference stop ends it.",
        )
    confirm(arguments, _question(cluster))
    cluster.machines.stop()
    if session.uses(cluster.endpoint):
        session.leave()
    return done(session, f"Stopped the cluster at {cluster.endpoint}.", cluster.endpoint)


def _question(cluster: Cluster) -> str:
    """Say what would end."""
    workers = [worker.address for worker in cluster.machines.status().workers]
    models = [model.uid for model in cluster.models()]
    return (
        f"Stop the Xinference at {cluster.endpoint} for everyone, with "
        f"{_named('worker', workers)} and {_named('model', models)}?"
    )


def _named(what: str, names: list[str]) -> str:
    return f"{counted(len(names), what)} ({', '.join(names)})" if names else f"no {what}"


def reload(session: Session, arguments: Arguments) -> Operation:
    """Give a model other engine parameters, and wait until it has them."""
    from xinference_magics.cluster import operations

    if not arguments.model_config and not arguments.python_executable:
        raise UsageError("%xinference reload: nothing to change; give --model-config JSON")
    cluster = session.visit(arguments.endpoint)
    body: dict[str, Any] = {
        "model_config": arguments.model_config,
        "drain_timeout": arguments.drain_timeout,
    }
    if arguments.python_executable:
        body["python_executable"] = arguments.python_executable
    cluster.describe(arguments.uid)
    run = partial(operations.reload, cluster.machines, arguments.uid, body)
    return _shown(f"Reloading {arguments.uid}", run, f"%xinference logs {arguments.uid}")


def _relaunch(component: str, session: Session, arguments: Arguments) -> Operation:
    from xinference_magics.cluster import operations

    cluster = session.visit(arguments.endpoint)
    body = {
        "python_executable": arguments.python_executable,
        "request_id": arguments.request_id,
    }
    run = partial(operations.relaunch, cluster.machines, component, body)
    return _shown(f"Relaunching the {component}", run, "%xinference status")


def _shown(
    title: str, run: Callable[[Callable[[Operation], None]], Operation], later: str
) -> Operation:
    """Show how an operation of the server goes, until it has ended."""
    from xinference_magics.notebook.commands.waiting import followed

    goes_on = f"It continues without this notebook; check on it with {later}."
    try:
        with followed(title, "done", goes_on) as view:
            return run(lambda seen: view.update(seen.stage or seen.status, None))
    except PermissionDeniedError as error:
        error.hint = "This needs an administrator's login."
        raise


def service(session: Session, arguments: Arguments) -> Done:
    """Say where the system service is managed, and with which line."""
    system = ["--system"] if arguments.system else []
    line = " ".join(["xinference service", *system, *(arguments.action or ["install --start"])])
    then = "." if arguments.action else ", then status, logs, stop, restart or uninstall."
    said = (
        "Services are managed on their machine, not from a notebook. In a terminal there: "
        f"{line}{then}"
    )
    return done(session, said, line)


_PYTHON = Option(("--python-executable",), "Path of another Python on the server's machine.",
                 metavar="PATH")  # fmt: skip
_RELAUNCH = (
    _PYTHON,
    Option(
        ("--request-id",),
        "Name for this operation: repeating it with the same name does not start it again.",
    ),
    *THERE,
)

COMMANDS = (
    Command(
        "reload",
        "Change the engine parameters of a vLLM or SGLang model.",
        reload,
        (
            UID,
            Option(("--model-config",), (
                "Parameters to change, as a JSON "
                "object."
            ), "", "JSON", json_object,
                   default={}),
            Option(("--drain-timeout",), "Seconds to let running requests finish.", "",
                   "SECONDS", partial(seconds, 0.1, _LONGEST_DRAIN), default=300.0),
            _PYTHON,
            *THERE,
        ),
        ("""%xinference reload my-model --model-config '{"max_model_len": 8192}'""",),
    ),
    Command(
        "relaunch-api",
        "Replace the server's API process; models keep running.",
        partial(_relaunch, "api"),
        _RELAUNCH,
        ("%xinference relaunch-api",),
    ),
    Command(
        "relaunch-supervisor",
        "Replace the supervisor's process; models keep running.",
        partial(_relaunch, "supervisor"),
        _RELAUNCH,
        ("%xinference relaunch-supervisor --python-executable /opt/xinference/bin/python",),
    ),
    Command(
        "stop-cluster",
        "Stop a whole cluster for everyone: supervisor, workers, models.",
        stop_cluster,
        (YES, *THERE),
        ("%xinference stop-cluster -e http://gpu-server:9997",),
        acts=True,
    ),
    Command(
        "service",
        "Show how to run Xinference as a system service.",
        service,
        (
            Option(("action",), "Action to take there, such as status.", repeat=True),
            Option(("--system",), "For a system service, not a user's.", words=0),
        ),
        ("%xinference service", "%xinference service status"),
        acts=True,
    ),
)  # fmt: skip
