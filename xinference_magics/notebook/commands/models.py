"""The models that run: list, describe, use, terminate."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from xinference_magics.errors import XinferenceError
from xinference_magics.notebook import options
from xinference_magics.notebook.commands.command import THERE, UID, Command
from xinference_magics.notebook.results.done import done
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.machines import Worker
    from xinference_magics.cluster.models import RequestContext, RunningModel
    from xinference_magics.notebook.results.done import Done
    from xinference_magics.notebook.results.models import Models
    from xinference_magics.notebook.session import Session

_log = logging.getLogger(__name__)


def list_models(session: Session, arguments: Arguments) -> Models:
    """List the models that run."""
    from xinference_magics.notebook.results.models import Models

    return Models(session.visit(arguments.endpoint).models())


def describe(session: Session, arguments: Arguments) -> RunningModel:
    """Describe one model that runs, with the context that a request to it really has."""
    cluster = session.visit(arguments.endpoint)
    running = cluster.describe(arguments.uid)
    known = session.request_context(cluster.endpoint, running)
    return replace(running, per_request=known or _guessed(session, cluster, running))


def _guessed(session: Session, cluster: Cluster, running: RunningModel) -> RequestContext | None:
    """Guess it from the CPUs of the model's worker, where the server says how many these are."""
    from xinference_magics.cluster.request_context import guessed, is_divided

    if not is_divided(running):
        return None
    with dropped(_log, XinferenceError):
        workers = cluster.machines.status().workers
        cpus = next((each.cpus for each in workers if _is_at(running, each)), None)
        own = session.launches.requests.get((cluster.endpoint, running.uid))
        return guessed(running, cpus, own)
    return None


def _is_at(running: RunningModel, worker: Worker) -> bool:
    host = (running.address or "").rpartition(":")[0]
    return worker.address.rpartition(":")[0] == host


def use(session: Session, arguments: Arguments) -> RunningModel:
    """Take up a model that runs."""
    running = session.cluster(arguments.endpoint).describe(arguments.uid)
    session.say(session.take_up(running, arguments.as_name))
    return running


def terminate(session: Session, arguments: Arguments) -> Done:
    """End a model that runs."""
    cluster = session.visit(arguments.endpoint)
    cluster.terminate(arguments.uid)
    session.forget(cluster.endpoint, arguments.uid)
    return done(session, f"Terminated {arguments.uid}.", arguments.uid)


COMMANDS = (
    Command(
        "list",
        "List the running models.",
        list_models,
        THERE,
        ("running = %xinference list", "%xinference list -e http://gpu-server:9997"),
    ),
    Command(
        "describe",
        "Describe a running model.",
        describe,
        (UID, *THERE),
        ("%xinference describe my-model",),
    ),
    Command(
        "use",
        "Use a running model: %%chat asks it, and its object is put into the namespace.",
        use,
        (UID, options.AS_NAME, options.ENDPOINT, options.API_KEY),
        ("%xinference use my-model --as llm2",),
        acts=True,
    ),
    Command(
        "terminate",
        "Terminate a running model.",
        terminate,
        (UID, *THERE),
        ("%xinference terminate my-model",),
        acts=True,
    ),
)
