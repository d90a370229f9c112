"""What can be launched and what is stored: registrations, engines, the cache, memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from xinference_magics.errors import ModelNotFoundError, NotebookError, ServerError
from xinference_magics.notebook.commands.command import (
    YES,
    CellOptions,
    Command,
    ThereOptions,
    confirm,
)
from xinference_magics.notebook.option import Option, Values, given
from xinference_magics.notebook.options import (
    CONTEXT_LENGTH,
    MODEL_ENGINE,
    MODEL_FORMAT,
    MODEL_NAME,
    MODEL_TYPE,
    NO_VIRTUAL_ENV,
    QUANTIZATION,
    SIZE,
    VIRTUAL_ENV,
)
from xinference_magics.notebook.readers import not_empty, one_of
from xinference_magics.notebook.results.done import done

if TYPE_CHECKING:
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

_DETAILED = 10
"""Hits of a search that are described in full: 300 kB each."""


_BITS = ("8", "16", "32")


def _bits(text: str) -> int:
    return int(one_of(_BITS, "number of bits", text))


_ANY_TYPE = replace(MODEL_TYPE, help="Model type (default: any).", default=None)
_SIZE = replace(SIZE, flags=("--model-size-in-billions", "--size-in-billions", "-s"))
_WORKER = Option(
    ("--worker-ip", "-w"), help="Only on this worker.", metavar="ADDRESS", values=Values.WORKER
)


@dataclass(frozen=True, kw_only=True)
class RegistrationsOptions(ThereOptions):
    """The options of ``%xinference registrations``."""

    model_type: str = given(MODEL_TYPE)
    own: bool | None = given(Option(("--own",), help="Only your own registrations.", words=0))


def registrations(session: Session, options: RegistrationsOptions) -> Registrations:
    """List the models of a type that can be launched, one's own first."""
    from xinference_magics.notebook.results.catalog import Registrations

    listed = session.connector.visit(options.endpoint).registry.registrations(options.model_type)
    own = [each for each in listed if not each.builtin]
    found = Registrations(own if options.own else listed)
    found.caption = f"{len(listed) - len(own)} builtin, {len(own)} of your own."
    return found


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
    worker_ip: str | None = given(_WORKER)


def register(session: Session, options: RegisterOptions) -> str:
    """Register the model that the cell or a file defines; returns its name.

    Raises:
        UsageError: There is neither a cell nor a file, or both.
        BadRequestError: The definition cannot be read, or the server refuses it.
    """
    from xinference_magics.cluster.definitions import Definition

    definition = Definition.parse(*_definition(options))
    model_type = options.model_type
    session.connector.visit(options.endpoint).registry.define(
        model_type, definition, persist=bool(options.persist), worker=options.worker_ip
    )
    name = definition.name
    kind = "" if model_type == "LLM" else f" -t {model_type}"
    kept = (
        "kept across restarts"
        if options.persist
        else "until the server restarts; with -p it is kept"
    )
    session.say(f"Registered {name} ({model_type}), {kept}.")
    session.say(f"Launch it with %xinference launch -n {name}{kind}.")
    return name


def _definition(options: RegisterOptions) -> tuple[str, str]:
    """Return the text of the definition, and where it was found.

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
    """Remove a registration of one's own; what runs of it goes on, and its files stay."""
    cluster, name = session.connector.visit(options.endpoint), options.model_name
    files: list[CachedModel] = []
    with suppress(ServerError):  # not everybody may look there
        files = cluster.cache.models(name)  # which lists them no more when the name is gone
    cluster.registry.unregister(options.model_type, name)
    removed = done(session, f"Unregistered {name} ({options.model_type}).", name)
    running = [model.uid for model in cluster.models() if model.name == name]
    if running:
        session.say(f"Still running: {', '.join(running)}.")
    if files:
        paths = ", ".join(dict.fromkeys(str(each.path) for each in files))
        session.say(f"Still in the cache, but no longer listed there: {paths}")
    return removed


@dataclass(frozen=True, kw_only=True)
class EngineOptions(ThereOptions):
    """The options of ``%xinference engine``."""

    model_name: str = given(MODEL_NAME)
    model_type: str | None = given(_ANY_TYPE)
    model_engine: str | None = given(MODEL_ENGINE)
    model_format: str | None = given(MODEL_FORMAT)
    model_size_in_billions: int | str | None = given(_SIZE)
    quantization: str | None = given(QUANTIZATION)
    enable_virtual_env: bool | None = given(VIRTUAL_ENV, NO_VIRTUAL_ENV)


def engine(session: Session, options: EngineOptions) -> EngineOffers:
    """Show what can run a model, and why the other engines cannot.

    Raises:
        ModelNotFoundError: No such model; the hint names near ones.
        BadRequestError: Nothing fits what was asked for; the message says what is possible.
    """
    from xinference_magics.cluster.engines import choose, fitting
    from xinference_magics.cluster.launch import LaunchRequest
    from xinference_magics.notebook.results.catalog import EngineOffers

    registry = session.connector.visit(options.endpoint).registry
    request = LaunchRequest(
        model_name=options.model_name,
        model_type=options.model_type or _type_of(registry, options.model_name),
        model_engine=options.model_engine,
        model_format=options.model_format,
        model_size_in_billions=options.model_size_in_billions,
        quantization=options.quantization,
        enable_virtual_env=options.enable_virtual_env,
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
    worker_ip: str | None = given(_WORKER)


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
    worker_ip: str | None = given(_WORKER)
    yes: bool | None = given(YES)


def remove_cache(session: Session, options: RemoveCacheOptions) -> Done:
    """Remove a version's files from the workers' disks, after asking.

    Raises:
        ModelNotFoundError: No such version is cached.
        NotebookError: The answer is not yes.
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
    if lost := sorted(elsewhere & set(files)):  # as before 3.0
        session.say(f"This server also removes the originals: {', '.join(lost)}")
    confirm(options.yes, f"Remove the cached files of {version}?")
    cache.remove(version, worker=worker)
    return done(session, f"Removed {version}.", version)


@dataclass(frozen=True, kw_only=True)
class SearchOptions(ThereOptions):
    """The options of ``%xinference search``."""

    text: list[str] = given(
        Option(
            ("text",),
            help="Words to search for; all of them must match.",
            metavar="TEXT",
            required=True,
            repeat=True,
        )
    )
    model_type: str | None = given(_ANY_TYPE)


def search(session: Session, options: SearchOptions) -> Found:
    """Find models by their names, types and abilities.

    Raises:
        ModelNotFoundError: There are none; the hint names near ones.
    """
    from xinference_magics.notebook.results.catalog import Found

    registry = session.connector.visit(options.endpoint).registry
    found = Found(registry.search(options.text, options.model_type, details=_DETAILED))
    if not found:
        raise registry.nothing_like(" ".join(options.text), options.model_type)
    brief = any(each.type == "LLM" and not each.formats for each in found[_DETAILED:])
    some = f"Only the first {_DETAILED} of {len(found)} are shown in full. " if brief else ""
    found.caption = f"{some}%xinference engine -n NAME shows which engines can run one."
    return found


def vllm_models(session: Session, options: ThereOptions) -> VllmModels:
    """List the architectures that vLLM runs."""
    from xinference_magics.notebook.results.catalog import VllmModels

    return VllmModels(session.connector.visit(options.endpoint).registry.vllm_models())


@dataclass(frozen=True, kw_only=True)
class CalModelMemOptions:
    """The options of ``%xinference cal-model-mem``."""

    model_name: str | None = given(
        replace(
            MODEL_NAME,
            help="Name of a builtin model (default: estimate by the size alone).",
            required=False,
        )
    )
    model_size_in_billions: int | str = given(
        replace(_SIZE, flags=("--size-in-billions", "-s"), required=True)
    )
    model_format: str = given(replace(MODEL_FORMAT, required=True))
    quantization: str | None = given(QUANTIZATION)
    context_length: int = given(
        replace(CONTEXT_LENGTH, flags=("--context-length", "-c"), required=True)
    )
    kv_cache_dtype: int = given(
        Option(
            ("--kv-cache-dtype",),
            help="Bits per value in the KV cache.",
            metavar="BITS",
            type=_bits,
            default=16,
            values=_BITS,
        )
    )


def cal_model_mem(session: Session, options: CalModelMemOptions) -> MemoryEstimate:
    """Estimate the GPU memory of a model, with this machine's xinference package."""
    from xinference_magics.cluster.memory import MemoryRequest, estimate

    request = MemoryRequest(
        str(options.model_size_in_billions),
        options.model_format,
        options.context_length,
        options.quantization,
        options.model_name,
        options.kv_cache_dtype,
    )
    session.say("Asking the xinference package, which takes a few seconds to load ...")
    return estimate(request, session.settings.server_command or None)


COMMANDS = (
    Command(
        "search",
        "Find models that can be launched, by name, type and ability.",
        search,
        SearchOptions,
        ("%xinference search qwen vision", "%xinference search -t image inpainting"),
    ),
    Command(
        "registrations",
        "List the models that can be launched, your own first.",
        registrations,
        RegistrationsOptions,
        ("%xinference registrations -t embedding",),
    ),
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
    Command(
        "engine",
        "Show which engines can run a model, and why the others cannot.",
        engine,
        EngineOptions,
        ("%xinference engine -n qwen2.5-instruct -s 0_5",),
    ),
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
    Command(
        "vllm-models",
        "List the architectures that vLLM supports.",
        vllm_models,
        ThereOptions,
        ("%xinference vllm-models",),
    ),
    Command(
        "cal-model-mem",
        "Estimate the GPU memory of a model, with this machine's xinference package.",
        cal_model_mem,
        CalModelMemOptions,
        ("%xinference cal-model-mem -n qwen2.5-instruct -s 7 -f pytorch -q none -c 8192",),
    ),
)
