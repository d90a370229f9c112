"""The GPU memory a model will need, as estimated by Xinference's own package.

No server endpoint provides this. The package computes it in a separate Python process, so that
neither it nor torch is loaded into the notebook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xinference_magics.errors import BadRequestError, LocalServerError
from xinference_magics.local_server.starting import find_command
from xinference_magics.remedies import Remedy
from xinference_magics.shown import Shown

_ESTIMATE_SECONDS = (
    300.0  # seconds: if a model's layers are unknown, its configuration is downloaded
)
_PROGRAM = """
import dataclasses, json, sys
from xinference.model.llm.memory import estimate_llm_gpu_memory
try:
    found = estimate_llm_gpu_memory(**json.loads(sys.argv[1]))
    said = {"estimate": found and dataclasses.asdict(found)}
except (KeyError, ValueError, ArithmeticError, AssertionError) as error:
    said = {"fault": str(error) or type(error).__name__}
print("\\n" + json.dumps(said))
"""


@dataclass(frozen=True)
class MemoryRequest:
    """The model and settings to estimate memory for.

    Args:
        model_size_in_billions: As in ``7``, ``0_5`` or ``1.8``.
        model_format: ``pytorch``, ``ggufv2``, ...
        context_length: Tokens of prompt and completion.
        quantization: ``none``, ``q4_k_m``, ...
        model_name: A builtin model; None estimates from the size alone.
        kv_cache_dtype: Bits per number in the KV cache: 8, 16 or 32.
    """

    model_size_in_billions: str
    model_format: str
    context_length: int
    quantization: str | None = None
    model_name: str | None = None
    kv_cache_dtype: int = 16

    def __post_init__(self) -> None:
        if self.model_format == "ggufv2" and self.quantization is None:
            raise BadRequestError("ggufv2 needs a quantization.", hint=Remedy.GIVE_QUANTIZATION())


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate(Shown):
    """The GPU memory that a model needs, in MiB.

    Args:
        request: The request it was estimated for.
        model: The weights.
        kv_cache: The keys and values of a full context.
        recurrent_state: The state of linear attention layers.
        prefix_cache: Cached prefixes of earlier prompts.
        overhead: The engine itself.
        activation: Activations, at their peak.
        total: The sum.
    """

    request: MemoryRequest
    model: int
    kv_cache: int
    recurrent_state: int
    prefix_cache: int
    overhead: int
    activation: int
    total: int


def estimate(request: MemoryRequest, command: str | None = None) -> MemoryEstimate:
    """Estimate the memory with the server package installed on this machine.

    Args:
        request: The model and settings.
        command: The command that starts a server here; None looks for `xinference-local`.

    Raises:
        LocalServerError: The package is not installed here, or fails.
        BadRequestError: The package has no estimate for such a model.
    """
    said = _asked(request, _python(command))
    if "fault" in said:
        raise BadRequestError(f"The memory cannot be estimated: {said['fault']}.")
    found = said["estimate"]
    if found is None:
        raise BadRequestError(
            f"There is no estimate for {request.model_name} in that size, format and quantization.",
            hint=Remedy.LIST_ENGINES(name=request.model_name),
        )
    return MemoryEstimate(
        request=request,
        model=found["model_mem"],
        kv_cache=found["kv_cache_mem"],
        recurrent_state=found.get("recurrent_state_mem", 0),
        prefix_cache=found.get("prefix_cache_mem", 0),
        overhead=found["overhead"],
        activation=found["activation_mem"],
        total=found["total"],
    )


def _python(command: str | None) -> str:
    """Find a Python with the server package: this one, or the local server's."""
    if find_spec("xinference"):
        return sys.executable
    try:
        name = "python.exe" if os.name == "nt" else "python"
        beside = Path(find_command(command)).resolve().with_name(name)
    except LocalServerError:
        beside = Path()
    if not beside.is_file():
        raise LocalServerError(
            "cal-model-mem needs the package xinference, which is not installed here.",
            hint=Remedy.INSTALL_XINFERENCE(),
        )
    return str(beside)


def _asked(request: MemoryRequest, python: str) -> dict[str, Any]:
    size = request.model_size_in_billions.replace(".", "_")  # how the package looks models up
    wanted = json.dumps(asdict(replace(request, model_size_in_billions=size)))
    try:
        done = subprocess.run(  # noqa: S603  # the program is ours; the input is a single argument
            [python, "-c", _PROGRAM, wanted],
            capture_output=True,
            text=True,
            timeout=_ESTIMATE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LocalServerError(f"The estimate timed out after {_ESTIMATE_SECONDS:.0f} s.") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise LocalServerError(f"The package xinference failed: {reason}.")
    # Libraries print lines of their own, at exit too.
    printed = [line for line in done.stdout.splitlines() if line.startswith("{")]
    answer: dict[str, Any] = json.loads(printed[-1])
    return answer
