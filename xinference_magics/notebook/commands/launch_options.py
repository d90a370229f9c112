"""The options of ``%xinference launch``, and the request that they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from xinference_magics.errors import UsageError
from xinference_magics.notebook.command_line.option import (
    API_KEY,
    AS_NAME,
    BOOLEANS,
    CONTEXT_LENGTH,
    ENDPOINT,
    MODEL_ENGINE,
    MODEL_FORMAT,
    MODEL_NAME,
    MODEL_TYPE,
    NO_VIRTUAL_ENV,
    QUANTIZATION,
    SIZE,
    VIRTUAL_ENV,
    WORKER_IP,
    Option,
    Reported,
    given,
    options_of,
)
from xinference_magics.notebook.command_line.readers import (
    boolean,
    count,
    json_objects,
    literal,
    n_gpu,
    numbers,
    pair,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xinference_magics.cluster.launching.plan import LaunchRequest


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """All options of `xinference launch` 4.1, and some of our own."""

    SECTIONS: ClassVar[Mapping[str, Sequence[str]]] = {
        "which model": (
            *("model_name", "model_type", "model_size_in_billions", "model_format"),
            *("quantization", "model_engine", "model_path"),
        ),
        "how it runs": (
            *("model_uid", "context_length", "enable_thinking", "replica", "worker_ip"),
            *("n_gpu", "gpu_idx", "envs", "extra"),
        ),
        "in this notebook": ("as_name", "reuse", "no_wait", "dry_run", "endpoint"),
        "rarely needed, as in Xinference's command line": (
            *("n_worker", "replica_config", "lora_modules", "image_lora_load_kwargs"),
            *("image_lora_fuse_kwargs", "quantization_config", "trust_remote_code"),
            *("enable_virtual_env", "virtual_env_packages", "virtual_env_find_links"),
        ),
    }

    endpoint: str | None = given(ENDPOINT)
    model_name: str = given(replace(MODEL_NAME, sent=True, reported=Reported.YES))
    model_type: str = given(replace(MODEL_TYPE, sent=True, reported=Reported.YES))
    model_engine: str | None = given(replace(MODEL_ENGINE, sent=True, reported=Reported.YES))
    model_uid: str | None = given(
        Option(
            ("--model-uid", "-u"),
            help="UID to give it (default: the server's choice).",
            metavar="UID",
            sent=True,
            reported=Reported.YES,
        )
    )
    model_size_in_billions: int | str | None = given(
        replace(SIZE, sent=True, reported=Reported.YES)
    )
    model_format: str | None = given(replace(MODEL_FORMAT, sent=True, reported=Reported.YES))
    quantization: str | None = given(replace(QUANTIZATION, sent=True, reported=Reported.YES))
    context_length: int | None = given(replace(CONTEXT_LENGTH, reported=Reported.NO))
    replica: int | None = given(
        Option(
            ("--replica", "-r"),
            help="Number of replicas.",
            metavar="N",
            type=count,
            reported=Reported.YES,
        )
    )
    replica_config: list[dict[str, Any]] | None = given(
        Option(
            ("--replica-config", "--replica_config"),
            help=(
                'Placement of each replica, such as [{"devices": [{"worker_ip": "host:port"}]}].'
            ),
            metavar="JSON",
            type=json_objects,
            sent=True,
            reported=Reported.NO,
        )
    )
    n_worker: int = given(
        Option(
            ("--n-worker",),
            help="Number of workers to spread the model over.",
            metavar="N",
            type=count,
            default=1,
            sent=True,
            reported=Reported.YES,
        )
    )
    n_gpu: int | str | None = given(
        Option(
            ("--n-gpu",),
            help="GPUs per worker: a number, auto or none.",
            metavar="N",
            type=n_gpu,
            default="auto",
            values=("auto", "none"),
            sent=True,
            reported=Reported.NO,
        )
    )
    lora_modules: list[tuple[str, str]] | None = given(
        Option(
            ("--lora-modules", "-lm"),
            help="A LoRA adapter.",
            metavar="NAME PATH",
            words=2,
            repeat=True,
            reported=Reported.NO,
        )
    )
    image_lora_load_kwargs: list[tuple[str, str]] | None = given(
        Option(
            ("--image-lora-load-kwargs", "-ld"),
            help="Option for loading an image model's LoRA.",
            metavar="KEY VALUE",
            words=2,
            repeat=True,
            reported=Reported.NO,
        )
    )
    image_lora_fuse_kwargs: list[tuple[str, str]] | None = given(
        Option(
            ("--image-lora-fuse-kwargs", "-fd"),
            help="Option for fusing an image model's LoRA.",
            metavar="KEY VALUE",
            words=2,
            repeat=True,
            reported=Reported.NO,
        )
    )
    quantization_config: list[tuple[str, str]] | None = given(
        Option(
            ("--quantization-config", "-qc"),
            help="bitsandbytes setting for the transformers engine.",
            metavar="KEY VALUE",
            words=2,
            repeat=True,
            reported=Reported.NO,
        )
    )
    worker_ip: str | None = given(replace(WORKER_IP, sent=True, reported=Reported.NO))
    gpu_idx: list[int] | None = given(
        Option(
            ("--gpu-idx",),
            help="Indexes of GPUs on the worker, such as 0,1.",
            metavar="INDICES",
            type=numbers,
            sent=True,
            reported=Reported.NO,
        )
    )
    trust_remote_code: bool = given(
        Option(
            ("--trust-remote-code",),
            help="Whether the model's own code may run.",
            metavar="BOOL",
            type=boolean,
            default=True,
            values=BOOLEANS,
            reported=Reported.NO,
        )
    )
    api_key: None = given(replace(API_KEY, reported=Reported.IRRELEVANT))
    model_path: str | None = given(
        Option(
            ("--model-path", "--model_path", "-mp"),
            help="File (gguf) or folder of the model.",
            metavar="PATH",
            sent=True,
            reported=Reported.NO,
        )
    )
    enable_thinking: bool | None = given(
        Option(
            ("--enable-thinking",),
            help="Turn reasoning on in a hybrid model (default: the server decides).",
            words=0,
            sent=True,
            reported=Reported.NO,
        )
    )
    enable_virtual_env: bool | None = given(
        replace(VIRTUAL_ENV, sent=True, reported=Reported.IRRELEVANT), NO_VIRTUAL_ENV
    )
    virtual_env_packages: list[str] | None = given(
        Option(
            ("--virtual-env-package", "-vp"),
            help="Package for its virtual environment.",
            metavar="PACKAGE",
            repeat=True,
            sent=True,
            reported=Reported.NO,
        )
    )
    virtual_env_find_links: list[str] | None = given(
        Option(
            ("--virtual-env-find-link",),
            help="Folder of wheels on the worker.",
            metavar="FOLDER",
            repeat=True,
            sent=True,
            reported=Reported.IRRELEVANT,
        )
    )
    envs: list[tuple[str, str]] | None = given(
        Option(
            ("--env", "-ev"),
            help="Environment variable of the model process.",
            metavar="KEY VALUE",
            words=2,
            repeat=True,
            reported=Reported.NO,
        )
    )
    extra: dict[str, Any] = given(
        Option(
            ("--extra",),
            help="Any other parameter of the model or engine.",
            metavar="KEY=VALUE",
            type=pair,
            repeat=True,
            undeclared=True,
        )
    )
    as_name: str | None = given(AS_NAME)
    reuse: bool | None = given(
        Option(
            ("--reuse",),
            help="Reuse a running model that matches (default: %config XinferenceMagics.reuse).",
            words=0,
        ),
        Option(("--no-reuse", "--force"), help="Always start another one.", words=0, const=False),
    )
    no_wait: bool | None = given(Option(("--no-wait",), help="Return the UID at once.", words=0))
    dry_run: bool | None = given(
        Option(("--dry-run",), help="Show what would be launched, and launch nothing.", words=0)
    )


_OPTIONS = options_of(LaunchOptions)


def request(options: LaunchOptions) -> LaunchRequest:
    """Build the request that the options describe.

    Raises:
        UsageError: The options contradict each other.
    """
    from xinference_magics.cluster.launching.plan import LaunchRequest

    sent = {option.name for option in _OPTIONS if option.sent}
    extra = {"trust_remote_code": options.trust_remote_code, **options.extra}
    if options.context_length is not None:
        if options.extra.get("context_length", options.context_length) != (options.context_length):
            raise UsageError(
                "%xinference launch: context_length is given twice, with different values"
            )
        extra["context_length"] = options.context_length
    if options.quantization_config:
        extra["quantization_config"] = _values(options.quantization_config)
    return LaunchRequest(
        **{name: getattr(options, name) for name in sent},
        replica=_replicas(options),
        peft_model_config=_adapters(options),
        envs=dict(options.envs) if options.envs else None,
        extra=extra,
    )


def typed(options: LaunchOptions) -> frozenset[str]:
    """Return the options that were given, by their names in the request."""
    given = {
        option.name
        for option in _OPTIONS
        if option.reported and getattr(options, option.name) != option.default
    }
    if options.replica_config:
        given.add("replica")
    return frozenset(given | set(options.extra))


def hidden(options: LaunchOptions) -> tuple[str, ...]:
    """Return the flags of given options that the server does not report for a running model."""
    by_name = {option.name: option for option in reversed(_OPTIONS) if option.reported}
    names = typed(options)
    declared = {name for name in names & set(by_name) if by_name[name].reported is Reported.NO}
    undeclared = names - set(by_name)
    flags = {name: by_name[name].flags[0] for name in declared}
    return tuple(flags.get(name, f"--{name}") for name in sorted(declared | undeclared))


def _replicas(options: LaunchOptions) -> int:
    """Return the number of replicas, which their placement determines if it is given."""
    placed = options.replica_config
    if placed is None:
        return options.replica or 1
    if options.replica not in (None, len(placed)):
        raise UsageError(
            f"%xinference launch: --replica {options.replica} does not match the "
            f"{len(placed)} entries of --replica-config"
        )
    against = {
        "--worker-ip": options.worker_ip is not None,
        "--gpu-idx": options.gpu_idx is not None,
        "--n-gpu": options.n_gpu != "auto",
        "--n-worker": options.n_worker > 1,
    }
    if clashing := [flag for flag, given in against.items() if given]:
        raise UsageError(
            f"%xinference launch: --replica-config places the replicas; leave out "
            f"{', '.join(clashing)}"
        )
    return len(placed)


def _adapters(options: LaunchOptions) -> dict[str, Any] | None:
    """Describe the LoRA adapters in the form the server expects; None if there are none."""
    given = (
        options.lora_modules,
        options.image_lora_load_kwargs,
        options.image_lora_fuse_kwargs,
    )
    if not any(given):
        return None
    modules, load, fuse = given
    return {
        "lora_list": [{"lora_name": name, "local_path": path} for name, path in modules or ()],
        "image_lora_load_kwargs": _values(load) or None,
        "image_lora_fuse_kwargs": _values(fuse) or None,
    }


def _values(pairs: Iterable[Iterable[str]] | None) -> dict[str, Any]:
    return {key: literal(value) for key, value in pairs or ()}
