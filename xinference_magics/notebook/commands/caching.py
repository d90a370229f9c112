"""The model files on the workers' disks: cached, remove-cache."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xinference_magics.notebook.command_line.option import MODEL_NAME, ONLY_WORKER, Option, given
from xinference_magics.notebook.command_line.readers import not_empty
from xinference_magics.notebook.commands.command import YES, Command, ThereOptions, confirm
from xinference_magics.notebook.results.rows import done

if TYPE_CHECKING:
    from xinference_magics.notebook.results.catalog import CachedModels
    from xinference_magics.notebook.results.rows import Done
    from xinference_magics.notebook.session.session import Session


@dataclass(frozen=True, kw_only=True)
class CachedOptions(ThereOptions):
    """The options of ``%xinference cached``."""

    model_name: str | None = given(
        replace(
            MODEL_NAME,
            flags=("--model-name", "--model_name", "-n"),
            help="Only the versions of this model.",
            required=False,
        )
    )
    worker_ip: str | None = given(ONLY_WORKER)


def cached(session: Session, options: CachedOptions) -> CachedModels:
    """List the model files on the workers' disks."""
    from xinference_magics.notebook.results.catalog import CachedModels, total_of

    cluster = session.connector.visit(options.endpoint)
    found = CachedModels(cluster.cache.models(options.model_name, worker=options.worker_ip))
    found.caption = (
        f"{total_of(found)} in all; %xinference remove-cache -n VERSION removes a version."
    )
    return found


@dataclass(frozen=True, kw_only=True)
class RemoveCacheOptions(ThereOptions):
    """The options of ``%xinference remove-cache``."""

    model_version: str = given(
        Option(
            ("--model-version", "--model_version", "-n"),
            help="Version, as listed by `cached`.",
            metavar="VERSION",
            type=not_empty,
            required=True,
        )
    )
    worker_ip: str | None = given(ONLY_WORKER)
    yes: bool | None = given(YES)


def remove_cache(session: Session, options: RemoveCacheOptions) -> Done:
    """Remove a version's files from the workers' disks, after confirmation.

    Raises:
        ModelNotFoundError: No such version is cached.
        NotebookError: The user did not confirm.
    """
    version, worker = options.model_version, options.worker_ip
    cache = session.connector.visit(options.endpoint).cache
    files = cache.files(version, worker=worker)
    session.say("\n".join([f"Files of {version} to remove:", *(f"  {path}" for path in files)]))
    linked = {
        model.real_path
        for model in cache.models(worker=worker)
        if model.version == version and model.path in files and model.real_path != model.path
    }
    elsewhere = set(filter(None, linked))
    if stay := sorted(elsewhere - set(files)):
        session.say(f"Not removed, only linked to: {', '.join(stay)}")
    if lost := sorted(elsewhere & set(files)):  # servers before 3.0
        session.say(f"This server also removes the originals: {', '.join(lost)}")
    confirm(options.yes, f"Remove the cached files of {version}?")
    cache.remove(version, worker=worker)
    return done(session, f"Removed {version}.", version)


COMMANDS = (
    Command(
        "cached",
        "List the model files on the workers' disks.",
        cached,
        CachedOptions,
        ("%xinference cached", "%xinference cached -n qwen2.5-instruct"),
    ),
    Command(
        "remove-cache",
        "Remove a version's files from the workers' disks.",
        remove_cache,
        RemoveCacheOptions,
        ("%xinference remove-cache -n qwen2.5-instruct--0_5B--ggufv2--q4_k_m",),
        acts=True,
    ),
)
