"""The context that one request to a model actually gets, given how the model was launched.

Xinference 4.1 reports the context of a model's family, whatever it was launched with (see
`xinference/model/llm/context_length.py` and `llama_cpp/core.py` there). Its llama.cpp divides
``n_ctx`` among ``n_parallel`` slots; the default is one per CPU of the worker, at most eight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.cluster.launching.engine_choice import spelling
from xinference_magics.cluster.models import RequestContext
from xinference_magics.json_fields import number

if TYPE_CHECKING:
    from xinference_magics.cluster.launching.plan import LaunchRequest
    from xinference_magics.cluster.models import RunningModel

_PARAMETERS = {"vllm": "max_model_len", "trt-llm": "max_seq_len"}
"""The engine's own name for the parameter, if it differs from ``context_length``."""
_LLAMA = "llama.cpp"
_MOST_SLOTS = 8


def launched_with(request: LaunchRequest, running: RunningModel) -> RequestContext | None:
    """Return the context that a launch has set; None if it left that to the server.

    Args:
        request: The request that launched the model.
        running: The resulting model.
    """
    names = ("context_length", _PARAMETERS.get(spelling(running.engine or ""), ""))
    for name in names:
        if tokens := _positive(request.extra.get(name)):
            return RequestContext(tokens, f"launched with {name}={tokens}")
    return _of_slots(request, running) if is_divided(running) else None


def is_divided(running: RunningModel) -> bool:
    """Return whether a model's engine divides its context among slots."""
    return spelling(running.engine or "") == spelling(_LLAMA)


def _of_slots(request: LaunchRequest, running: RunningModel) -> RequestContext | None:
    slots = _positive(request.extra.get("n_parallel"))
    whole = _positive(request.extra.get("n_ctx")) or running.context_length
    if slots is None or whole is None:
        return None
    return RequestContext(max(whole // slots, 1), f"launched with n_parallel={slots}")


def guessed(
    running: RunningModel, cpus: int | None, own: LaunchRequest | None = None
) -> RequestContext | None:
    """Guess a request's context from the worker's CPU count, if the engine is llama.cpp.

    Args:
        running: The model.
        cpus: The number of CPUs of its worker; None if unknown.
        own: The request by which this notebook launched it, if it did.
    """
    whole = _positive(own.extra.get("n_ctx")) if own else None
    whole = whole or running.context_length
    if not is_divided(running) or not cpus or not whole:
        return None
    slots = min(_MOST_SLOTS, cpus)
    why = f"{cpus} CPUs, so n_parallel={slots}"
    return RequestContext(max(whole // slots, 1), why, guessed=True)


def _positive(value: object) -> int | None:
    found = number(value)
    return found if found and found > 0 else None
