"""What can be launched and what is stored: registrations, engines, the cache, memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xinference_magics.errors import ModelNotFoundError
from xinference_magics.notebook.command_line.option import (
    CONTEXT_LENGTH,
    MODEL_ENGINE,
    MODEL_FORMAT,
    MODEL_NAME,
    MODEL_TYPE,
    NO_VIRTUAL_ENV,
    QUANTIZATION,
    SIZE,
    VIRTUAL_ENV,
    Option,
    given,
)
from xinference_magics.notebook.command_line.readers import one_of
from xinference_magics.notebook.commands import caching, registering
from xinference_magics.notebook.commands.command import Command, ThereOptions

if TYPE_CHECKING:
    from xinference_magics.cluster.launching.plan import LaunchRequest
    from xinference_magics.cluster.registry import Registry
    from xinference_magics.local_server.memory import MemoryEstimate
    from xinference_magics.notebook.results.catalog import (
        EngineOffers,
        Found,
        Registrations,
        VllmModels,
    )
    from xinference_magics.notebook.session.session import Session

_DETAILED = 10
"""How many search hits to describe in full, at 300 kB each."""

_BITS = ("8", "16", "32")


def _bits(text: str) -> int:
    return int(one_of(_BITS, "number of bits", text))


_ANY_TYPE = replace(MODEL_TYPE, help="Model type (default: any).", default=None)
_SIZE = replace(SIZE, flags=("--model-size-in-billions", "--size-in-billions", "-s"))


@dataclass(frozen=True, kw_only=True)
class RegistrationsOptions(ThereOptions):
    """The options of ``%xinference registrations``."""

    model_type: str = given(MODEL_TYPE)
    own: bool | None = given(Option(("--own",), help="Only your own registrations.", words=0))


def registrations(session: Session, options: RegistrationsOptions) -> Registrations:
    """List the models of a type that can be launched, the user's own first."""
    from xinference_magics.notebook.results.catalog import Registrations

    listed = session.connector.visit(options.endpoint).registry.registrations(options.model_type)
    own = [each for each in listed if not each.builtin]
    found = Registrations(own if options.own else listed)
    found.caption = f"{len(listed) - len(own)} builtin, {len(own)} of your own."
    return found


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
        ModelNotFoundError: There is no such model; the hint suggests similar names.
        BadRequestError: Nothing matches the options; the message says what is possible.
    """
    from xinference_magics.cluster.launching.engine_choice import choose, fitting
    from xinference_magics.cluster.launching.plan import LaunchRequest
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
        registry.choose(request)  # raises, and also knows renamed models
        raise
    offers = fitting(request, engines)
    if not offers:
        choose(request, engines)  # raises, and says why
    asked = (request.model_engine, request.model_format, request.quantization)
    whole = not any(asked) and request.model_size_in_billions is None
    found = EngineOffers(offers, engines, engines.unavailable if whole else ())
    found.caption = _launching(request)
    return found


def _type_of(registry: Registry, name: str) -> str:
    """Find the type of a model if none was given: LLM, unless only another type has the name."""
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
        ModelNotFoundError: There are no hits; the hint suggests similar names.
    """
    from xinference_magics.notebook.results.catalog import Found

    registry = session.connector.visit(options.endpoint).registry
    found = Found(registry.search(options.text, options.model_type, details=_DETAILED))
    if not found:
        raise registry.nothing_like(" ".join(options.text), options.model_type)
    brief = any(each.type == "LLM" and not each.formats for each in found[_DETAILED:])
    some = (
        f"Sizes, formats and contexts are those of the first {_DETAILED} of {len(found)}: a longer "
        "TEXT narrows the search. "
        if brief
        else ""
    )
    found.caption = f"{some}%xinference engine -n NAME shows which engines can run one."
    return found


def vllm_models(session: Session, options: ThereOptions) -> VllmModels:
    """List the architectures that vLLM supports."""
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
    from xinference_magics.local_server.memory import MemoryRequest, estimate

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
    *registering.COMMANDS,
    Command(
        "engine",
        "Show which engines can run a model, and why the others cannot.",
        engine,
        EngineOptions,
        ("%xinference engine -n qwen2.5-instruct -s 0_5",),
    ),
    *caching.COMMANDS,
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
