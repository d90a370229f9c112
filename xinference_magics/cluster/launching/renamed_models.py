"""Models and formats named in older Xinference documentation but gone from the registry."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from xinference_magics.errors import BadRequestError, ModelNotFoundError
from xinference_magics.remedies import Arguments, Remedy

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.cluster.launching.engine_choice import Choice
    from xinference_magics.cluster.launching.plan import LaunchRequest

FORMATS = {"ggml": "ggufv2", "ggmlv3": "ggufv2", "gguf": "ggufv2", "ggufv1": "ggufv2"}
"""Formats that were renamed or replaced, and their successors."""

_SMALL = ("qwen2.5-instruct", "qwen3")
_LLAMA = ("llama-2-chat", "llama-3.1-instruct")
_CODE = ("qwen2.5-coder-instruct", "code-llama-instruct")

_SUCCESSORS = {
    "vicuna": _LLAMA,
    "wizardlm": _LLAMA,
    "wizardmath": _LLAMA,
    "orca": _LLAMA,
    "openbuddy": _LLAMA,
    "gorilla": _LLAMA,
    "falcon": _LLAMA,
    "opt": ("gpt-2",),
    "zephyr": ("mistral-instruct-v0.3",),
    "mixtral": ("mistral-instruct-v0.3",),
    "chatglm": ("glm4-chat",),
    "internlm": ("internlm3-instruct",),
    "baichuan": ("baichuan-2-chat",),
    "qwen-chat": _SMALL,
    "qwen1.5-chat": _SMALL,
    "yi": _SMALL,
    "xverse": _SMALL,
    "aquila": _SMALL,
    "starcoder": _CODE,
    "starchat": _CODE,
    "wizardcoder": _CODE,
}
"""Families that used to be in the registry, and comparable models that are there now."""

_MISSPELT = 0.85
"""The similarity (difflib's ratio) from which a name is a misspelling of a current one."""


def explain(
    request: LaunchRequest, known: list[str], choose: Callable[[LaunchRequest], Choice]
) -> ModelNotFoundError | None:
    """Return an error that suggests a current model; None if the name isn't a former one.

    Args:
        request: A request with a name that is not in the registry.
        known: The names in the registry.
        choose: Chooses how to run a known model.
    """
    near = [name for name in _successors(request.model_name.casefold()) if name in known]
    if not near or get_close_matches(request.model_name, known, n=1, cutoff=_MISSPELT):
        return None
    message = f"{request.model_name} is no longer in Xinference's registry"
    now = FORMATS.get((request.model_format or "").casefold())
    message += f", and {request.model_format} is now {now}" if now else ""
    today = replace(request, model_name=near[0], model_format=now or request.model_format)
    hint = Remedy.LAUNCH_SIMILAR(names=", ".join(near), arguments=_possible(today, choose))
    return ModelNotFoundError(f"{message}.", hint=hint)


def _successors(name: str) -> tuple[str, ...]:
    """Look up a name's family: ``chatglm2-6b`` belongs to ``chatglm``, ``optic`` not to ``opt``."""
    families = (each for each in _SUCCESSORS if re.match(rf"{re.escape(each)}(?![a-z])", name))
    return _SUCCESSORS.get(next(families, ""), ())


def _possible(request: LaunchRequest, choose: Callable[[LaunchRequest], Choice]) -> Arguments:
    """Return the arguments of a possible launch that is closest to `request`."""
    name = {"model_name": request.model_name}
    attempts = (
        request,
        replace(request, quantization=None),
        replace(request, quantization=None, model_size_in_billions=None),
    )
    for attempt in attempts:
        try:
            choice = choose(attempt)
        except BadRequestError:
            continue
        chosen = {
            "model_format": choice.format,
            "model_size_in_billions": choice.size,
            "quantization": choice.quantization,
        }
        given = {field: value for field, value in chosen.items() if value is not None}
        return Arguments(name | given)
    return Arguments(name)
