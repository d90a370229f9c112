"""Running models: list, describe, use, terminate."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xinference_magics.errors import XinferenceError
from xinference_magics.notebook.command_line.option import API_KEY, AS_NAME, ENDPOINT, given
from xinference_magics.notebook.commands.command import UID, Command, ModelOptions, ThereOptions
from xinference_magics.notebook.results.rows import done
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.machines import Worker
    from xinference_magics.cluster.models import RequestContext, RunningModel
    from xinference_magics.notebook.results.models import Models
    from xinference_magics.notebook.results.rows import Done
    from xinference_magics.notebook.session.session import Session

_log = logging.getLogger(__name__)


def list_models(session: Session, options: ThereOptions) -> Models:
    """List the running models."""
    from xinference_magics.notebook.results.models import Models

    return Models(session.connector.visit(options.endpoint).models())


def describe(session: Session, options: ModelOptions) -> RunningModel:
    """Describe a running model, with the context window that a request really gets."""
    cluster = session.connector.visit(options.endpoint)
    running = cluster.describe(options.uid)
    known = session.request_context(cluster.endpoint, running)
    return replace(running, per_request=known or _guessed(session, cluster, running))


def _guessed(session: Session, cluster: Cluster, running: RunningModel) -> RequestContext | None:
    """Guess the context window from the CPU count of the model's worker, if that is known."""
    from xinference_magics.cluster.request_context import guessed, is_divided

    if not is_divided(running):
        return None
    with dropped(_log, XinferenceError):
        workers = cluster.machines.status().workers
        cpus = next((each.cpus for each in workers if _is_at(running, each)), None)
        own = session.launches.of(cluster.endpoint, running.uid)
        return guessed(running, cpus, own)
    return None


def _is_at(running: RunningModel, worker: Worker) -> bool:
    host = (running.address or "").rpartition(":")[0]
    return worker.address.rpartition(":")[0] == host


@dataclass(frozen=True, kw_only=True)
class UseOptions:
    """The options of ``%xinference use``."""

    uid: str = given(UID)
    as_name: str | None = given(AS_NAME)
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)


def use(session: Session, options: UseOptions) -> RunningModel:
    """Use a running model: put its object into the namespace."""
    running = session.connector.get_or_connect(options.endpoint).describe(options.uid)
    session.say(session.use(running, options.as_name).said)
    return running


def terminate(session: Session, options: ModelOptions) -> Done:
    """Terminate a running model."""
    cluster = session.connector.visit(options.endpoint)
    cluster.terminate(options.uid)
    session.forget(cluster.endpoint, options.uid)
    return done(session, f"Terminated {options.uid}.", options.uid)


COMMANDS = (
    Command(
        "list",
        "List the running models.",
        list_models,
        ThereOptions,
        ("running = %xinference list", "%xinference list -e http://gpu-server:9997"),
    ),
    Command(
        "describe",
        "Describe a running model.",
        describe,
        ModelOptions,
        ("%xinference describe my-model",),
    ),
    Command(
        "use",
        "Use a running model: %%chat asks it, and its object is put into the namespace.",
        use,
        UseOptions,
        ("%xinference use my-model --as llm2",),
        acts=True,
    ),
    Command(
        "terminate",
        "Terminate a running model.",
        terminate,
        ModelOptions,
        ("%xinference terminate my-model",),
        acts=True,
    ),
)
