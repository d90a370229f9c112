"""The user's own models: register, unregister."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xinference_magics.errors import NotebookError, ServerError, UsageError
from xinference_magics.notebook.command_line.option import (
    MODEL_NAME,
    MODEL_TYPE,
    ONLY_WORKER,
    Option,
    given,
)
from xinference_magics.notebook.commands.command import CellOptions, Command, ThereOptions
from xinference_magics.notebook.results.rows import done
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from xinference_magics.cluster.cache import CachedModel
    from xinference_magics.notebook.results.rows import Done
    from xinference_magics.notebook.session.session import Session


_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RegisterOptions(ThereOptions, CellOptions):
    """The options of ``%xinference register``."""

    model_type: str = given(MODEL_TYPE)
    file: str | None = given(
        Option(("--file", "-f"), help="File with the definition, JSON or YAML.", metavar="PATH")
    )
    persist: bool | None = given(
        Option(("--persist", "-p"), help="Keep it when the server restarts.", words=0)
    )
    worker_ip: str | None = given(ONLY_WORKER)


def register(session: Session, options: RegisterOptions) -> str:
    """Register the model that the cell or a file defines, and return its name.

    Raises:
        UsageError: There is neither a cell nor a file, or both.
        BadRequestError: The definition cannot be read, or the server refuses it.
    """
    from xinference_magics.cluster.registrations import Definition

    definition = Definition.parse(*_definition(options))
    model_type = options.model_type
    session.connector.visit(options.endpoint).registry.define(
        model_type, definition, persist=bool(options.persist), worker=options.worker_ip
    )
    name = definition.name
    kind = "" if model_type == "LLM" else f" -t {model_type}"
    kept = "kept across restarts" if options.persist else "until the server restarts (-p keeps it)"
    session.say(f"Registered {name} ({model_type}), {kept}.")
    session.say(f"Launch it with %xinference launch -n {name}{kind}.")
    return name


def _definition(options: RegisterOptions) -> tuple[str, str]:
    """Return the text of the definition, and where it came from.

    Raises:
        UsageError: There is neither a cell nor a file, or both.
        NotebookError: The file cannot be read.
    """
    cell, file = options.cell or "", options.file
    if bool(cell.strip()) == bool(file):
        what = "both a cell and a file" if file else "no definition"
        raise UsageError(
            f"%xinference register: there is {what}; put JSON or YAML below %%xinference register, "
            "or name a file with -f"
        )
    if not file:
        return cell, "the cell"
    try:
        return Path(file).expanduser().read_text(encoding="utf-8"), file
    except UnicodeDecodeError:
        raise NotebookError(
            f"{file} is not a text file in UTF-8.", hint="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise NotebookError(
            f"{file} cannot be read: {error.strerror}.",
            hint=f"This notebook's folder is {Path.cwd()}.",
        ) from None


@dataclass(frozen=True, kw_only=True)
class UnregisterOptions(ThereOptions):
    """The options of ``%xinference unregister``."""

    model_name: str = given(MODEL_NAME)
    model_type: str = given(MODEL_TYPE)


def unregister(session: Session, options: UnregisterOptions) -> Done:
    """Remove one of the user's registrations; its running models and cached files stay."""
    cluster, name = session.connector.visit(options.endpoint), options.model_name
    files: list[CachedModel] = []
    with dropped(_log, ServerError):  # not every user may list the cache
        files = cluster.cache.models(name)  # no longer listed once the name is gone
    cluster.registry.unregister(options.model_type, name)
    removed = done(session, f"Unregistered {name} ({options.model_type}).", name)
    running = [model.uid for model in cluster.models() if model.name == name]
    if running:
        session.say(f"Still running: {', '.join(running)}.")
    if files:
        paths = ", ".join(dict.fromkeys(str(each.path) for each in files))
        session.say(f"Still in the cache, but no longer listed there: {paths}")
    return removed


COMMANDS = (
    Command(
        "register",
        "Register a model of your own, defined in the cell or a file; returns its name.",
        register,
        RegisterOptions,
        (
            "%xinference register -f my-model.json -p",
            '%%xinference register\n{"version": 2, "model_name": "my-model", ...}',
        ),
    ),
    Command(
        "unregister",
        "Remove one of your registrations.",
        unregister,
        UnregisterOptions,
        ("%xinference unregister -n my-model",),
        acts=True,
    ),
)
