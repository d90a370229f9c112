"""The options of ``%xinference launch``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from xinference_magics.notebook.command_line.common_options import (
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
)
from xinference_magics.notebook.command_line.option import Option, Reported, given
from xinference_magics.notebook.command_line.readers import (
    boolean,
    count,
    json_objects,
    n_gpu,
    numbers,
    pair,
)


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """All options of `xinference launch` 4.1, and some of our own."""

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
