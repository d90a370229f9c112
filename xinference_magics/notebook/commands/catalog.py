"""What can be launched and what is stored: registrations, engines, the cache, memory."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from xinference_magics.errors import ModelNotFoundError, NotebookError, ServerError
from xinference_magics.notebook import options
from xinference_magics.notebook.arguments import Option, Values
from xinference_magics.notebook.commands.command import THERE, YES, Command, confirm
from xinference_magics.notebook.readers import not_empty, one_of
from xinference_magics.notebook.results.done import done
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from argparse import Namespace as Arguments

    from xinference_magics.cluster.cache import CachedModel
    from xinference_magics.cluster.launch import LaunchRequest
    from xinference_magics.cluster.memory import MemoryEstimate
    from xinference_magics.cluster.registry import Registry
    from xinference_magics.notebook.results.catalog import (
        CachedModels,
        EngineOffers,
        Found,
        Registrations,
        VllmModels,
    )
    from xinference_magics.notebook.results.done import Done
    from xinference_magics.notebook.session import Session

_log = logging.getLogger(__name__)

_DETAILED = 10
"""Hits of a search that are described in full: 300 kB each."""


def registrations(session: Session, arguments: Arguments) -> Registrations:
    """List the models of a type that can be launched, one's own first."""
    from xinference_magics.notebook.results.catalog import Registrations

    listed = session.visit(arguments.endpoint).registry.registrations(arguments.model_type)
    own = [each for each in listed if not each.builtin]
    found = Registrations(own if arguments.own else listed)
    found.caption = f"{len(listed) - len(own)} builtin, {len(own)} of your own."
    return found


def register(session: Session, arguments: Arguments) -> str:
    """Register the model that the cell or a file defines; returns its name.

    Raises:
        UsageError: There is neither a cell nor a file, or both.
        BadRequestError: The definition cannot be read, or the server refuses it.
    """
    from xinference_magics.cluster.definitions import Definition

    definition = Definition.parse(*_definition(arguments))
    model_type = arguments.model_type
    session.visit(arguments.endpoint).registry.define(
        model_type, definition, persist=bool(arguments.persist), worker=arguments.worker_ip
    )
    name = definition.name
    kind = "" if model_type == "LLM" else f" -t {model_type}"
    kept = (
        "kept across restarts"
        if arguments.persist
        else "until the server restarts; with -p it is kept"
    )
    session.say(f"Registered {name} ({model_type}), {kept}.")
    session.say(f"Launch it with %xinference launch -n {name}{kind}.")
    return name


def _definition(arguments: Arguments) -> tuple[str, str]:
    """Return the text of the definition, and where it was found.

    Raises:
        UsageError: There is neither a cell nor a file, or both.
        NotebookError: The file cannot be read.
    """
    cell, file = (arguments.cell or "").strip(), arguments.file
    if bool(cell) == bool(file):
        what = "both a cell and a file" if cell else "no definition"
        raise UsageError(
            f"%xinference register: there is {what}; put JSON or YAML below %%xinference register, "
            "or name a file with -f"
        )
    if not file:
        return arguments.cell, "the cell"
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


def unregister(session: Session, arguments: Arguments) -> Done:
    """Remove a registration of one's own; what runs of it goes on, and its files stay."""
    cluster, name = session.visit(arguments.endpoint), arguments.model_name
    files: list[CachedModel] = []
    with dropped(_log, ServerError):  # not everybody may look there
        files = cluster.cache.models(name)  # which lists them no more when the name is gone
    cluster.registry.unregister(arguments.model_type, name)
    removed = done(session, f"Unregistered {name} ({arguments.model_type}).", name)
    running = [model.uid for model in cluster.models() if model.name == name]
    if running:
        session.say(f"Still running: {', '.join(running)}.")
    if files:
        paths = ", ".join(dict.fromkeys(str(each.path) for each in files))
        session.say(f"Still in the cache, but no longer listed there: {paths}")
    return removed


def engine(session: Session, arguments: Arguments) -> EngineOffers:
    """Show what can run a model, and why the other engines cannot.

    Raises:
        ModelNotFoundError: No such model; the hint names near ones.
        BadRequestError: Nothing fits what was asked for; the message says what is possible.
    """
    from xinference_magics.cluster.engines import choose, fitting
    from xinference_magics.cluster.launch import LaunchRequest
    from xinference_magics.notebook.results.catalog import EngineOffers

    registry = session.visit(arguments.endpoint).registry
    request = LaunchRequest(
        model_name=arguments.model_name,
        model_type=arguments.model_type or _type_of(registry, arguments.model_name),
        model_engine=arguments.model_engine,
        model_format=arguments.model_format,
        model_size_in_billions=arguments.model_size_in_billions,
        quantization=arguments.quantization,
        enable_virtual_env=arguments.enable_virtual_env,
    )
    try:
        engines = registry.engines(
            request.model_name, request.model_type, virtual_env=request.enable_virtual_env
        )
    except ModelNotFoundError:
        registry.choose(request)  # which raises, and knows the models of old, too
        raise
    offers = fitting(request, engines)
    if not offers:
        choose(request, engines)  # which raises, and says why
    asked = (request.model_engine, request.model_format, request.quantization)
    whole = not any(asked) and request.model_size_in_billions is None
    found = EngineOffers(offers, engines, engines.unavailable if whole else ())
    found.caption = _launching(request)
    return found


def _type_of(registry: Registry, name: str) -> str:
    """Find the type of a model where none was typed: LLM, or the one that has the name."""
    if name in registry.names("LLM"):
        return "LLM"
    return next(iter(registry.types_of(name)), "LLM")


def _launching(request: LaunchRequest) -> str:
    kind = "" if request.model_type == "LLM" else f" -t {request.model_type}"
    return (
        f"Launch one with %xinference launch -n {request.model_name}{kind}; choose with -en, "
        "-f, -s and -q."
    )


def cached(session: Session, arguments: Arguments) -> CachedModels:
    """List the model files on the workers' disks."""
    from xinference_magics.notebook.results.catalog import CachedModels, total_of

    cluster = session.visit(arguments.endpoint)
    found = CachedModels(cluster.cache.models(arguments.model_name, worker=arguments.worker_ip))
    found.caption = (
        f"{total_of(found)} in all; %xinference remove-cache -n VERSION removes a version."
    )
    return found


def remove_cache(session: Session, arguments: Arguments) -> Done:
    """Remove a version's files from the workers' disks, after asking.

    Raises:
        ModelNotFoundError: No such version is cached.
        NotebookError: The answer is not yes.
    """
    version, worker = arguments.model_version, arguments.worker_ip
    cache = session.visit(arguments.endpoint).cache
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
    if lost := sorted(elsewhere & set(files)):  # as before 3.0
        session.say(f"This server also removes the originals: {', '.join(lost)}")
    confirm(arguments, f"Remove the cached files of {version}?")
    cache.remove(version, worker=worker)
    return done(session, f"Removed {version}.", version)


def search(session: Session, arguments: Arguments) -> Found:
    """Find models by their names, types and abilities.

    Raises:
        ModelNotFoundError: There are none; the hint names near ones.
    """
    from xinference_magics.notebook.results.catalog import Found

    registry = session.visit(arguments.endpoint).registry
    found = Found(registry.search(arguments.text, arguments.model_type, details=_DETAILED))
    if not found:
        raise registry.nothing_like(" ".join(arguments.text), arguments.model_type)
    brief = any(each.type == "LLM" and not each.formats for each in found[_DETAILED:])
    some = f"Only the first {_DETAILED} of {len(found)} are shown in full. " if brief else ""
    found.caption = f"{some}%xinference engine -n NAME shows which engines can run one."
    return found


def vllm_models(session: Session, arguments: Arguments) -> VllmModels:
    """List the architectures that vLLM runs."""
    from xinference_magics.notebook.results.catalog import VllmModels

    return VllmModels(session.visit(arguments.endpoint).registry.vllm_models())


def cal_model_mem(session: Session, arguments: Arguments) -> MemoryEstimate:
    """Estimate the GPU memory of a model, with this machine's xinference package."""
    from xinference_magics.cluster.memory import MemoryRequest, estimate

    request = MemoryRequest(
        str(arguments.model_size_in_billions),
        arguments.model_format,
        arguments.context_length,
        arguments.quantization,
        arguments.model_name,
        arguments.kv_cache_dtype,
    )
    session.say("Asking the xinference package, which takes a few seconds to load ...")
    return estimate(request, session.settings.server_command or None)


_BITS = ("8", "16", "32")


def _bits(text: str) -> int:
    return int(one_of(_BITS, "number of bits", text))


_LAUNCH = {flag: option for option in options.LAUNCH for flag in option.flags}
"""What means the same as in launch is declared there."""

_NAME = _LAUNCH["-n"]
_TYPE = _LAUNCH["-t"]
_ANY_TYPE = replace(_TYPE, help="Model type (default: any).", default=None)
_SIZE = replace(_LAUNCH["-s"], flags=("--model-size-in-billions", "--size-in-billions", "-s"))
_WORKER = Option(
    ("--worker-ip", "-w"), "Only on this worker.", metavar="ADDRESS", values=Values.WORKER
)

COMMANDS = (
    Command(
        "search",
        "Find models that can be launched, by name, type and ability.",
        search,
        (
            Option(("text",), "Words to search for; all of them must match.", "", "TEXT",
                   required=True, repeat=True),
            _ANY_TYPE,
            *THERE,
        ),
        ("%xinference search qwen vision", "%xinference search -t image inpainting"),
    ),
    Command(
        "registrations",
        "List the models that can be launched, your own first.",
        registrations,
        (_TYPE, Option(("--own",), "Only your own registrations.", words=0), *THERE),
        ("%xinference registrations -t embedding",),
    ),
    Command(
        "register",
        "Register a model of your own, defined in the cell or a file; returns its name.",
        register,
        (
            _TYPE,
            Option(("--file", "-f"), "File with the definition, JSON or YAML.", metavar="PATH"),
            Option(("--persist", "-p"), "Keep it when the server restarts.", words=0),
            _WORKER,
            *THERE,
        ),
        (
            "%xinference register -f my-model.json -p",
            '%%xinference register\n{"version": 2, "model_name": "my-model", ...}',
        ),
        takes_cell=True,
    ),
    Command(
        "unregister",
        "Remove one of your registrations.",
        unregister,
        (_NAME, _TYPE, *THERE),
        ("%xinference unregister -n my-model",),
        acts=True,
    ),
    Command(
        "engine",
        "Show which engines can run a model, and why the others cannot.",
        engine,
        (
            _NAME,
            _ANY_TYPE,
            _LAUNCH["-en"],
            _LAUNCH["-f"],
            _SIZE,
            _LAUNCH["-q"],
            _LAUNCH["--enable-virtual-env"],
            _LAUNCH["--disable-virtual-env"],
            *THERE,
        ),
        ("%xinference engine -n qwen2.5-instruct -s 0_5",),
    ),
    Command(
        "cached",
        "List the model files on the workers' disks.",
        cached,
        (
            replace(_NAME, flags=("--model-name", "--model_name", "-n"),
                    help="Only the versions of this model.", required=False),
            _WORKER,
            *THERE,
        ),
        ("%xinference cached", "%xinference cached -n qwen2.5-instruct"),
    ),
    Command(
        "remove-cache",
        "Remove a version's files from the workers' disks.",
        remove_cache,
        (
            Option(("--model-version", "--model_version", "-n"), "Version, as listed by `cached`.",
                   metavar="VERSION", type=not_empty, required=True),
            _WORKER,
            YES,
            *THERE,
        ),
        ("%xinference remove-cache -n qwen2.5-instruct--0_5B--ggufv2--q4_k_m",),
        acts=True,
    ),
    Command(
        "vllm-models",
        "List the architectures that vLLM supports.",
        vllm_models,
        THERE,
        ("%xinference vllm-models",),
    ),
    Command(
        "cal-model-mem",
        "Estimate the GPU memory of a model, with this machine's xinference package.",
        cal_model_mem,
        (
            replace(_NAME, help="Name of a builtin model (default: estimate by the size alone).",
                    required=False),
            replace(_SIZE, flags=("--size-in-billions", "-s"), required=True),
            replace(_LAUNCH["-f"], required=True),
            _LAUNCH["-q"],
            replace(_LAUNCH["--context-length"], flags=("--context-length", "-c"), required=True),
            Option(("--kv-cache-dtype",), "Bits per value in the KV cache.", "",
                   "BITS", _bits, default=16, values=_BITS),
        ),
        ("%xinference cal-model-mem -n qwen2.5-instruct -s 7 -f pytorch -q none -c 8192",),
    ),
)  # fmt: skip
