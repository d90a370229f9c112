"""The options of each command and magic."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from xinference_magics.cluster.registrations import MODEL_TYPES
from xinference_magics.display.formats import FORMATS
from xinference_magics.notebook.arguments import Option, Values
from xinference_magics.notebook.readers import (
    boolean,
    count,
    json_objects,
    n_gpu,
    names,
    not_empty,
    numbers,
    one_of,
    pair,
    ranges,
    secret,
    size,
    variable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

BOOLEANS = ("true", "false")

ENDPOINT = Option(("--endpoint", "-e"), "Xinference endpoint, for this command and later ones.")
AS_NAME = Option(
    ("--as",),
    "Name of the LangChain object (default: %config XinferenceMagics.name).",
    "as_name",
    "NAME",
    variable,
)
WORKER_IP = Option(("--worker-ip",), "Worker to run on.", metavar="ADDRESS", values=Values.WORKER)
API_KEY = Option(
    ("--api-key", "-ak"),
    "Refused: a key typed here would be saved with the notebook.",
    type=partial(secret, "set XINFERENCE_API_KEY, or use %xinference login"),
)

LAUNCH_ONLY = (
    Option(("--model-name", "-n"), "Name of the model.", metavar="NAME", type=not_empty,
           required=True, values=Values.MODEL),
    Option(("--model-type", "-t"), "Model type.", "", "TYPE",
           partial(one_of, MODEL_TYPES, "type of model"), default="LLM", values=MODEL_TYPES),
    Option(("--model-engine", "-en"), "Inference engine (default: one that can run it).",
           metavar="ENGINE", values=Values.ENGINE),
    Option(("--model-uid", "-u"), "UID to give it (default: the server's choice).", metavar="UID"),
    Option(
        ("--size-in-billions", "-s"),
        "Size in billions of parameters, such as 7, 0_5 or 1.8.",
        "model_size_in_billions",
        "SIZE",
        size,
        values=Values.SIZE,
    ),
    Option(("--model-format", "-f"), (
        "Model format, such as pytorch, ggufv2 or "
        "awq."
    ), metavar="FORMAT",
           values=Values.FORMAT),
    Option(("--quantization", "-q"), "Quantization, such as none, q4_k_m or Int4.", metavar="NAME",
           values=Values.QUANTIZATION),
    Option(
        ("--context-length",), (
            "Maximum tokens per request, prompt and answer "
            "together."
        ), "", "N", count
    ),
    Option(("--replica", "-r"), "Number of replicas.", "", "N", count, default=None),
    Option(
        ("--replica-config", "--replica_config"),
        'Placement of each replica, such as [{"devices": [{"worker_ip": "host:port"}]}].',
        "",
        "JSON",
        json_objects,
    ),
    Option(("--n-worker",), (
        "Number of workers to spread the model "
        "over."
    ), "", "N", count, default=1),
    Option(("--n-gpu",), "GPUs per worker: a number, auto or none.", "", "N", n_gpu,
           default="auto", values=("auto", "none")),
    Option(("--lora-modules", "-lm"), "A LoRA adapter.", "", "NAME PATH", words=2, repeat=True),
    Option(("--image-lora-load-kwargs", "-ld"), "Option for loading an image model's LoRA.", "",
           "KEY VALUE", words=2, repeat=True),
    Option(("--image-lora-fuse-kwargs", "-fd"), "Option for fusing an image model's LoRA.", "",
           "KEY VALUE", words=2, repeat=True),
    Option(("--quantization-config", "-qc"), "bitsandbytes setting for the transformers engine.",
           "", "KEY VALUE", words=2, repeat=True),
    WORKER_IP,
    Option(("--gpu-idx",), "Indexes of GPUs on the worker, such as 0,1.", "", "INDICES", numbers),
    Option(("--trust-remote-code",), "Whether the model's own code may run.", "",
           "BOOL", boolean, default=True, values=BOOLEANS),
    API_KEY,
    Option(("--model-path", "--model_path", "-mp"), "File (gguf) or folder of the model.",
           metavar="PATH"),
    Option(("--enable-thinking",), (
        "Turn reasoning on in a hybrid model (default: the server "
        "decides)."
    ),
           words=0),
    Option(("--enable-virtual-env",), "Run in its own virtual environment.", words=0),
    Option(("--disable-virtual-env",), "Run in the server's environment.", "enable_virtual_env",
           words=0, const=False),
    Option(("--virtual-env-package", "-vp"), "Package for its virtual environment.",
           "virtual_env_packages", "PACKAGE", repeat=True),
    Option(("--virtual-env-find-link",), "Folder of wheels on the worker.",
           "virtual_env_find_links", "FOLDER", repeat=True),
    Option(("--env", "-ev"), "Environment variable of the model process.", "envs", "KEY VALUE",
           words=2, repeat=True),
    Option(("--extra",), "Any other parameter of the model or engine.", "", "KEY=VALUE", pair,
           repeat=True),
)  # fmt: skip
"""What says which model is launched, and how: the options of `xinference launch` 4.1."""

LAUNCH = (
    ENDPOINT,
    *LAUNCH_ONLY,
    AS_NAME,
    Option(("--reuse",), (
        "Reuse a running model that matches (default: %config "
        "XinferenceMagics.reuse)."
    ), words=0),
    Option(("--no-reuse", "--force"), "Always start another one.", "reuse", words=0,
           const=False),
    Option(("--no-wait",), "Return the UID at once.", words=0),
    Option(("--dry-run",), "Show what would be launched, and launch nothing.", words=0),
)  # fmt: skip
"""All options of `xinference launch` 4.1, and some of ours."""


def _format(text: str) -> str:
    return one_of(FORMATS, "format", "markdown" if text == "md" else text)


CHAT = (
    Option(("--model", "-m", "--model-uid"), "UID of the model to ask, or $name of a variable with "
           "one (default: the one in use).",
           "", "UID", not_empty, values=Values.CHATS),
    Option(("--compare",), "Ask several models at the same time and show them side by side.", "",
           "UID,UID,...", names, values=Values.CHATS, listed=True),
    Option(("--system", "-s"), "System prompt for this turn.", metavar="TEXT"),
    Option(("--temperature", "-t"), (
        "Randomness; 0 always picks the likeliest "
        "token."
    ), "", "T", float),
    Option(("--max-tokens", "--max_tokens"), "Maximum answer length in tokens.", "", "N", count),
    Option(("--parameter", "-p"), "Any other generation parameter.", "", "KEY=VALUE", pair,
           repeat=True, values=Values.PARAMETER),
    Option(("--format", "-f"), "How to show the answer; code also goes into the next cell.",
           "", "FORMAT", _format, default="markdown", values=tuple(FORMATS)),
    Option(("--think",), "Turn reasoning on in a hybrid model.", words=0),
    Option(("--no-think",), "Turn reasoning off in a hybrid model.", "think", words=0, const=False),
    Option(("--context",), "Also send the last cells, with their outputs.", "", "N", count),
    Option(("--cells",), (
        "Also send these cells, with their outputs, such as 3-7 or "
        "1,4."
    ), "", "NUMBERS",
           ranges),
    Option(("--fix",), "Also send the last error and its cell, to have it explained and fixed.",
           words=0),
    Option(("--show-prompt",), "Show what would be sent, and send nothing.", words=0),
    Option(("--image",), "Attach an image: an expression, a file or a URL.", "", "IMAGE",
           not_empty, repeat=True),
    Option(("--audio",), "Attach a sound: an expression, a file or a URL.", "", "AUDIO",
           not_empty, repeat=True),
    Option(("--video",), "Attach a video: an expression, a file or a URL.", "", "VIDEO",
           not_empty, repeat=True),
    Option(("--file",), "Attach a file: text, PDF, image, sound or video.", "", "PATH", not_empty,
           repeat=True),
    Option(("--tools",), "Functions or tools that the model may call, such as f,g.", "", "TOOLS",
           not_empty),
    Option(("--confirm",), "Ask before each tool call.", words=0),
    Option(("--schema",), (
        "Schema of the answer: a Pydantic class, a TypedDict, a dataclass or a "
        "JSON schema."
    ), metavar="NAME", type=not_empty),
    Option(("--retries",), "Retries when the answer does not match the schema.", "", "N",
           count, default=0),
    Option(("--out", "-o"), "Variable to keep the turn in.", "", "NAME", variable),
    Option(("--raw",), "Send braces as they are; insert nothing.", words=0),
    Option(("--conversation", "-c"), (
        "Conversation to continue or start (default: the current "
        "one)."
    ), metavar="NAME", type=not_empty, values=Values.CONVERSATION),
    Option(("--new",), "Start the conversation over.", words=0),
    Option(("--once",), (
        "Ask outside any conversation: no earlier turns sent, nothing "
        "kept."
    ), words=0),
    Option(("--background", "--bg"), (
        "Answer while other cells run; returns an object with done, "
        "stop() and result()."
    ), words=0),
    Option(("--stream",), "Show the answer as it arrives, or only once it is complete.", "", "BOOL",
           boolean, default=True, values=BOOLEANS),
    ENDPOINT,
    API_KEY,
)  # fmt: skip

_WITHOUT_CHAT = {"temperature", "max_tokens", "parameter", "out", "raw", "stream", "endpoint"}
GENERATE = (
    replace(CHAT[0], values=Values.CONTINUES),
    *(option for option in CHAT if option.name in _WITHOUT_CHAT),
    API_KEY,
)


def other_letters(options: Iterable[Option], command: str, others: Iterable[Option]) -> str:
    """Say which letters of `options` mean something else in another command."""
    long = {flag: option.flags[0] for option in others for flag in option.flags}
    differ = [
        f"{flag} is {long[flag]} there"
        for option in options
        for flag in option.flags
        if flag[:2] != "--" and long.get(flag, option.flags[0]) != option.flags[0]
    ]
    return f"Letters that mean something else in {command}: {', '.join(differ)}." if differ else ""
