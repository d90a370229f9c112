"""Build a launch request from the options of ``%xinference launch``, as the command line does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from xinference_magics.notebook.command_line.option import Reported, options_of
from xinference_magics.notebook.command_line.readers import literal
from xinference_magics.notebook.commands.launch_options import LaunchOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xinference_magics.cluster.launching.plan import LaunchRequest

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
