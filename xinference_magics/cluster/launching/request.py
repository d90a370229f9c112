"""The request that starts a model."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """All parameters of Xinference's launch, named as in its request body.

    Args:
        model_name: The name in the registry.
        model_type: ``LLM``, ``embedding``, ``rerank``, ``image``, ...
        model_engine: The engine, in any case; None lets `Cluster.launch` choose.
        model_uid: None uses the model's name, or a similar one if that is taken.
        model_size_in_billions: As in ``7``, ``0_5`` or ``0.5``.
        model_format: ``pytorch``, ``ggufv2``, ...
        quantization: ``none``, ``q4_k_m``, ...
        replica: Number of replicas.
        n_worker: Number of workers that share one replica.
        n_gpu: Number of GPUs; ``auto`` lets the server decide, None means no GPU.
        peft_model_config: LoRA adapters.
        request_limits: Concurrent requests per replica; further ones are refused.
        worker_ip: The worker to run on.
        gpu_idx: The GPUs to run on.
        replica_config: Placement of each replica.
        model_path: The model's files on the server.
        enable_thinking: Whether to think, for models with optional thinking.
        enable_virtual_env: Whether to use a virtual environment; None leaves it to the server.
        virtual_env_packages: Packages for the virtual environment.
        virtual_env_find_links: Folders of wheels on the worker.
        envs: Environment variables of the model's processes.
        extra: Additional parameters, passed on to the engine.
    """

    model_name: str
    model_type: str = "LLM"
    model_engine: str | None = None
    model_uid: str | None = None
    model_size_in_billions: int | float | str | None = None
    model_format: str | None = None
    quantization: str | None = None
    replica: int = 1
    n_worker: int = 1
    n_gpu: int | str | None = "auto"
    peft_model_config: dict[str, Any] | None = None
    request_limits: int | None = None
    worker_ip: str | None = None
    gpu_idx: int | list[int] | None = None
    replica_config: list[dict[str, Any]] | None = None
    model_path: str | None = None
    enable_thinking: bool | None = None
    enable_virtual_env: bool | None = None
    virtual_env_packages: list[str] | None = None
    virtual_env_find_links: list[str] | None = None
    envs: dict[str, str] | None = field(default=None, repr=False)  # may hold tokens
    extra: dict[str, Any] = field(default_factory=dict, repr=False)  # likewise

    def body(self) -> dict[str, Any]:
        """Return the request body without None values, except `n_gpu`, where None means no GPU.

        A server that does not know a field would pass its None on to the engine as a parameter.
        """
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        extra: dict[str, Any] = own.pop("extra")
        size = own["model_size_in_billions"]
        own["model_size_in_billions"] = f"{size:g}" if isinstance(size, float) else size
        given = {name: value for name, value in own.items() if value is not None}
        return {**given, "n_gpu": self.n_gpu, **extra}
