"""``%xinference launch``: choose what was left open, start it, wait with the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from xinference_magics import interrupts
from xinference_magics.notebook.arguments import typed
from xinference_magics.notebook.ready_made import kind_of

if TYPE_CHECKING:
    from argparse import Namespace as Arguments
    from collections.abc import Iterable

    from xinference_magics.cluster.launch import Launch, LaunchProgress, LaunchRequest
    from xinference_magics.cluster.models import RunningModel
    from xinference_magics.notebook.session import Session

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


def launch(session: Session, arguments: Arguments) -> str:
    """Launch a model, wait until it is ready, take it up, and return its UID.

    Raises:
        UsageError: The options contradict each other, or a secret was typed.
        LaunchError: The model did not start; the message has the server's own reason.
        KeyboardInterrupt: The waiting was interrupted; the launch goes on.
    """
    _refuse_secret(arguments.api_key)
    wanted = request(arguments)
    cluster = session.cluster_or_serve(arguments.endpoint)
    if wanted.model_type == "LLM":
        choice = cluster.registry.choose(wanted)
        if choice.said:
            session.say(choice.said)
        wanted = choice.applied_to(wanted)
    if arguments.extra:
        # Names only: a value may be a secret that came from a variable.
        session.say(f"Passed on to the model: {', '.join(arguments.extra)}.")
    with interrupts.as_flag() as interrupted:  # the UID is to be known before anything else
        launched = cluster.launch(wanted)
    if interrupted.is_set():
        raise _detached(launched.uid)
    running = _wait(launched)
    session.say(f"Model uid: {running.uid}")
    if kind_of(running):
        session.say(session.take_up(running, arguments.as_name))
    return running.uid


def cancel(session: Session, arguments: Arguments) -> None:
    """Cancel a launch that is still loading, and say how that ended."""
    from xinference_magics.cluster.launch import Launch

    cluster = session.visit(arguments.endpoint)
    if any(replica.loading for replica in cluster.replicas(arguments.uid)):
        session.say(f"Cancelling {arguments.uid}; this takes until its loading has unwound ...")
    session.say(Launch(cluster, arguments.uid).cancel().message)


def request(arguments: Arguments) -> LaunchRequest:
    """Make the request that the options ask for, as the command line makes it.

    Raises:
        UsageError: The options contradict each other.
    """
    from xinference_magics.cluster.launch import LaunchRequest

    extra = {"trust_remote_code": arguments.trust_remote_code, **arguments.extra}
    if arguments.context_length is not None:
        if arguments.extra.get("context_length", arguments.context_length) != (
            arguments.context_length
        ):
            raise UsageError("%xinference launch: context_length is given twice, and differs")
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
    return {key: typed(value) for key, value in pairs or ()}


def _wait(launched: Launch) -> RunningModel:
    """Show the progress of a launch until it is ready."""
    from xinference_magics.display.progress import choose_launch_view

    view = choose_launch_view()
    view.open(f"Launching {launched.uid}")
    try:
        running = launched.wait(
            lambda seen: view.update(seen.stage, seen.fraction, _replicas_ready(seen))
        )
    except KeyboardInterrupt:
        view.close("still loading", ok=False)
        raise _detached(launched.uid) from None
    except Exception:
        view.close("failed", ok=False)
        raise
    view.close("ready", ok=True)
    return running


def _replicas_ready(progress: LaunchProgress) -> str:
    """Say how many replicas are ready, where there are several."""
    ready = sum(each.ready for each in progress.replicas)
    count = len(progress.replicas)
    return f"{ready} of {count} replicas" if count > 1 else ""


def _detached(uid: str) -> KeyboardInterrupt:
    return interrupts.one_line(
        f"{uid} goes on loading: %xinference use {uid} takes it up when it is ready, "
        f"%xinference cancel {uid} stops it."
    )


def _refuse_secret(api_key: str | None) -> None:
    if api_key is not None:
        raise UsageError(
            "%xinference launch: a key typed in a cell is saved with the notebook: set "
            "XINFERENCE_API_KEY instead, delete this cell and replace the key"
        )
