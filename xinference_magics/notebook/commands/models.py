"""The models that run: list, describe, use, terminate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.notebook import options
from xinference_magics.notebook.commands.command import THERE, UID, Command
from xinference_magics.notebook.results.done import done

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.results.done import Done
    from xinference_magics.notebook.results.models import Models
    from xinference_magics.notebook.session import Session


def list_models(session: Session, arguments: Arguments) -> Models:
    """List the models that run."""
    from xinference_magics.notebook.results.models import Models

    return Models(session.visit(arguments.endpoint).models())


def describe(session: Session, arguments: Arguments) -> RunningModel:
    """Describe one model that runs."""
    return session.visit(arguments.endpoint).describe(arguments.uid)


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
        "The models that run.",
        list_models,
        THERE,
        ("running = %xinference list", "%xinference list -e http://gpu-server:9997"),
    ),
    Command(
        "describe",
        "One running model.",
        describe,
        (UID, *THERE),
        ("%xinference describe my-model",),
    ),
    Command(
        "use",
        "Take up a running model: %%chat asks it, and its object is put into the namespace.",
        use,
        (UID, options.AS_NAME, options.ENDPOINT, options.API_KEY),
        ("%xinference use my-model --as llm2",),
        acts=True,
    ),
    Command(
        "terminate",
        "End a running model.",
        terminate,
        (UID, *THERE),
        ("%xinference terminate my-model",),
        acts=True,
    ),
)
