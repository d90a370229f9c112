"""The request that the options of ``%xinference launch`` ask for, as the command line makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from xinference_magics.notebook import options
from xinference_magics.notebook.readers import literal

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Iterable

    from xinference_magics.cluster.launch import LaunchRequest

_AS_TYPED = (
    "model_name",
    "model_type",
    "model_engine",
    "model_uid",
    "model_size_in_billions",
    "model_format",
    "quantization",
    "n_worker",
    "n_gpu",
    "worker_ip",
    "gpu_idx",
    "replica_config",
    "model_path",
    "enable_thinking",
    "enable_virtual_env",
    "virtual_env_packages",
    "virtual_env_find_links",
)
"""Options whose value is sent as it is, under the name it has in the request."""

_TOLD = {
    "model_name",
    "model_type",
    "model_engine",
    "model_uid",
    "model_size_in_billions",
    "model_format",
    "quantization",
    "replica",
    "n_worker",
}
"""What the server tells of a model that runs."""

_OF_THE_START = {"enable_virtual_env", "virtual_env_find_links", "api_key", "extra"}
"""What makes no other model of it; `extra` is looked at by itself."""


def request(arguments: Arguments) -> LaunchRequest:
    """Make the request that the options ask for.

    Raises:
        UsageError: The options contradict each other.
    """
    from xinference_magics.cluster.launch import LaunchRequest

    extra = {"trust_remote_code": arguments.trust_remote_code, **arguments.extra}
    if arguments.context_length is not None:
        if arguments.extra.get("context_length", arguments.context_length) != (
            arguments.context_length
        ):
            raise UsageError(
                "%xinference launch: context_length is given twice, with different values"
            )
        extra["context_length"] = arguments.context_length
    if arguments.quantization_config:
        extra["quantization_config"] = _values(arguments.quantization_config)
    return LaunchRequest(
        **{name: getattr(arguments, name) for name in _AS_TYPED},
        replica=_replicas(arguments),
        peft_model_config=_adapters(arguments),
        envs=dict(arguments.envs) if arguments.envs else None,
        extra=extra,
    )


def typed(arguments: Arguments) -> frozenset[str]:
    """Return the names of the options that were typed, by the names of the request."""
    own = {option.name: option.default for option in options.LAUNCH_ONLY}
    given = {name for name, default in own.items() if getattr(arguments, name) != default}
    if arguments.replica_config:
        given.add("replica")
    return frozenset(given | set(arguments.extra))


def hidden(arguments: Arguments) -> tuple[str, ...]:
    """Return what was typed that the server does not tell of a model that runs, as typed."""
    given = typed(arguments) - _TOLD - _OF_THE_START
    flags = {option.name: option.flags[0] for option in options.LAUNCH_ONLY}
    return tuple(flags.get(name, f"--{name}") for name in sorted(given))


def _replicas(arguments: Arguments) -> int:
    """Count the replicas; their placement, where given, settles the number."""
    placed = arguments.replica_config
    if placed is None:
        return arguments.replica or 1
    if arguments.replica not in (None, len(placed)):
        raise UsageError(
            f"%xinference launch: --replica {arguments.replica} does not match the "
            f"{len(placed)} entries of --replica-config"
        )
    against = {
        "--worker-ip": arguments.worker_ip is not None,
        "--gpu-idx": arguments.gpu_idx is not None,
        "--n-gpu": arguments.n_gpu != "auto",
        "--n-worker": arguments.n_worker > 1,
    }
    if clashing := [flag for flag, given in against.items() if given]:
        raise UsageError(
            f"%xinference launch: --replica-config places the replicas; leave out "
            f"{', '.join(clashing)}"
        )
    return len(placed)


def _adapters(arguments: Arguments) -> dict[str, Any] | None:
    """Describe the LoRA adapters as the server takes them."""
    given = (
        arguments.lora_modules,
        arguments.image_lora_load_kwargs,
        arguments.image_lora_fuse_kwargs,
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
