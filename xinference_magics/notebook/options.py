"""The options of each command and magic."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from xinference_magics.notebook.arguments import Option, Values, nearest, pair, typed
from xinference_magics.notebook.history import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable

BOOLEANS = ("true", "false")
MODEL_TYPES = ("LLM", "embedding", "rerank", "image", "audio", "video", "world", "flexible")


def not_empty(text: str) -> str:
    """Refuse an empty word."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def variable(text: str) -> str:
    """Refuse what cannot be the name of a variable."""
    if not text.isidentifier() or iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a variable")
    return text


ENDPOINT = Option(("--endpoint", "-e"), "Xinference endpoint, for this command and later ones.")
AS_NAME = Option(
    ("--as",),
    "Name of the ready-made object (default: %config XinferenceMagics.name).",
    "as_name",
    "NAME",
    variable,
)


WORKER_IP = Option(("--worker-ip",), "Worker to run on.", metavar="ADDRESS", values=Values.WORKER)


def count(text: str) -> int:
    """Read a number of at least 1."""
    value = _number(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _size(text: str) -> int | str:
    return text if "_" in text or "." in text else _number(text)


def _n_gpu(text: str) -> int | str | None:
    lowered = text.lower()
    return None if lowered == "none" else "auto" if lowered == "auto" else _number(text)


def _indices(text: str) -> list[int]:
    return [_number(index) for index in text.split(",")]


def _model_type(text: str) -> str:
    by_name = {name.lower(): name for name in MODEL_TYPES}
    if text.lower() not in by_name:
        near = nearest(text.lower(), by_name, cutoff=0.6)
        meant = f"did you mean {by_name[near]}?" if near else f"types: {', '.join(MODEL_TYPES)}"
        raise argparse.ArgumentTypeError(f"{text!r} is no type of model; {meant}")
    return by_name[text.lower()]


FORMATS = ("markdown", "text", "json", "html", "math", "code")
"""What an answer can be shown as; `display.formats` shows it."""


def _format(text: str) -> str:
    text = "markdown" if text == "md" else text
    if text not in FORMATS:
        near = nearest(text, FORMATS, cutoff=0.6)
        meant = f"did you mean {near}?" if near else f"formats: {', '.join(FORMATS)}"
        raise argparse.ArgumentTypeError(f"{text!r} is no format; {meant}")
    return text


def boolean(text: str) -> bool:
    """Read true or false."""
    value = typed(text)
    if not isinstance(value, bool):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return value


def names(text: str) -> tuple[str, ...]:
    """Read two names or more, with commas between them."""
    found = tuple(name.strip() for name in text.split(","))
    twice = [name for name in found if found.count(name) > 1]
    if not all(found):
        raise argparse.ArgumentTypeError(f"a name is missing in {text!r}: type a,b without spaces")
    if len(found) < 2:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"there is nothing to compare {text} with: type a,b")
    if twice:
        raise argparse.ArgumentTypeError(f"{twice[0]} is there twice")
    return found


def no_secret(_text: str) -> str:
    """Refuse a key without repeating it."""
    raise argparse.ArgumentTypeError(
        "a key typed in a cell is saved with the notebook: set XINFERENCE_API_KEY or use "
        "%xinference login instead, delete this cell and replace the key"
    )


API_KEY = Option(
    ("--api-key", "-ak"), "Refused: a key typed here is saved with the notebook.", type=no_secret
)


def _placements(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        raise argparse.ArgumentTypeError("not a JSON array of objects with at least one")
    return value


LAUNCH_ONLY = (
    Option(("--model-name", "-n"), "Name of the model.", metavar="NAME", type=not_empty,
           required=True, values=Values.MODEL),
    Option(("--model-type", "-t"), "Type of model.", "", "TYPE", _model_type, default="LLM",
           values=MODEL_TYPES),
    Option(("--model-engine", "-en"), "Inference engine (default: one that can run it).",
           metavar="ENGINE", values=Values.ENGINE),
    Option(("--model-uid", "-u"), "UID to give it (default: the server's choice).", metavar="UID"),
    Option(
        ("--size-in-billions", "-s"),
        "Billions of parameters, as in 7, 0_5 or 1.8.",
        "model_size_in_billions",
        "SIZE",
        _size,
        values=Values.SIZE,
    ),
    Option(("--model-format", "-f"), "Format, e.g. pytorch, ggufv2, awq.", metavar="FORMAT",
           values=Values.FORMAT),
    Option(("--quantization", "-q"), "Quantization, e.g. none, q4_k_m, Int4.", metavar="NAME",
           values=Values.QUANTIZATION),
    Option(
        ("--context-length",), "Tokens of prompt and answer a request may have.", "", "N", count
    ),
    Option(("--replica", "-r"), "Replicas.", "", "N", count, default=None),
    Option(
        ("--replica-config", "--replica_config"),
        "Placement of each replica, a JSON array.",
        "",
        "JSON",
        _placements,
    ),
    Option(("--n-worker",), "Workers the model is spread over.", "", "N", count, default=1),
    Option(("--n-gpu",), "GPUs (of each worker): a number, auto or none.", "", "N", _n_gpu,
           default="auto", values=("auto", "none")),
    Option(("--lora-modules", "-lm"), "A LoRA adapter.", "", "NAME PATH", words=2, repeat=True),
    Option(("--image-lora-load-kwargs", "-ld"), "For loading LoRA of image models.", "",
           "KEY VALUE", words=2, repeat=True),
    Option(("--image-lora-fuse-kwargs", "-fd"), "For fusing LoRA of image models.", "",
           "KEY VALUE", words=2, repeat=True),
    Option(("--quantization-config", "-qc"), "bitsandbytes settings of the transformers engine.",
           "", "KEY VALUE", words=2, repeat=True),
    WORKER_IP,
    Option(("--gpu-idx",), "GPUs of the worker, as in 0,1.", "", "INDICES", _indices),
    Option(("--trust-remote-code",), "Whether code that comes with the model may run.", "",
           "BOOL", boolean, default=True, values=BOOLEANS),
    API_KEY,
    Option(("--model-path", "--model_path", "-mp"), "File (gguf) or folder of the model.",
           metavar="PATH"),
    Option(("--enable-thinking",), "Let a hybrid model think (default: the server decides).",
           words=0),
    Option(("--enable-virtual-env",), "Run in a virtual environment of its own.", words=0),
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
    Option(("--reuse",), "Take up a ready model that is the same (default: %config "
           "XinferenceMagics.reuse).", words=0),
    Option(("--no-reuse", "--force"), "Start another one all the same.", "reuse", words=0,
           const=False),
    Option(("--no-wait",), "Return the UID at once.", words=0),
    Option(("--dry-run",), "Show what would be launched, and launch nothing.", words=0),
)  # fmt: skip
"""All options of `xinference launch` 4.1, and some of ours."""

CHAT = (
    Option(("--model", "-m", "--model-uid"), "UID of the model to ask, or $name of a variable with "
           "one (default: the one in use).",
           "", "UID", not_empty, values=Values.CHATS),
    Option(("--compare",), "Ask several models at the same time, and show them side by side.", "",
           "UID,UID,...", names, values=Values.CHATS, listed=True),
    Option(("--system", "-s"), "System prompt of this turn.", metavar="TEXT"),
    Option(("--temperature", "-t"), "0 always takes the likeliest token.", "", "T", float),
    Option(("--max-tokens", "--max_tokens"), "Longest answer, in tokens.", "", "N", count),
    Option(("--parameter", "-p"), "Any other generation parameter.", "", "KEY=VALUE", pair,
           repeat=True, values=Values.PARAMETER),
    Option(("--format", "-f"), "What the answer is shown as; code also goes into the next cell.",
           "", "FORMAT", _format,
           default="markdown", values=FORMATS),
    Option(("--think",), "Let a hybrid model think.", words=0),
    Option(("--no-think",), "Do not let it.", "think", words=0, const=False),
    Option(("--context",), "Send the last cells too, with their outputs.", "", "N", count),
    Option(("--cells",), "Send cells too, with their outputs, as in 3-7 or 1,4.", "", "NUMBERS",
           ranges),
    Option(("--fix",), "Send the last error and its cell too, to have it explained and mended.",
           words=0),
    Option(("--show-prompt",), "Show what would be sent, and send nothing.", words=0),
    Option(("--image",), "Attach an image: an expression, a file or an URL.", "", "IMAGE",
           not_empty, repeat=True),
    Option(("--audio",), "Attach a sound: an expression, a file or an URL.", "", "AUDIO",
           not_empty, repeat=True),
    Option(("--video",), "Attach a video: an expression, a file or an URL.", "", "VIDEO",
           not_empty, repeat=True),
    Option(("--file",), "Attach a file: text, PDF, image, sound or video.", "", "PATH", not_empty,
           repeat=True),
    Option(("--tools",), "Functions or tools that the model may call, as in f,g.", "", "TOOLS",
           not_empty),
    Option(("--confirm",), "Ask before each call of a tool.", words=0),
    Option(("--schema",), "Form of the answer: a Pydantic class, a TypedDict, a dataclass or a "
           "JSON schema.", metavar="NAME", type=not_empty),
    Option(("--retries",), "How often an answer that does not fit is asked for again.", "", "N",
           count, default=0),
    Option(("--out", "-o"), "Variable to keep the turn in.", "", "NAME", variable),
    Option(("--raw",), "Send braces as they are: insert nothing.", words=0),
    Option(("--conversation", "-c"), "Conversation to continue, or to begin (default: the current "
           "one).", metavar="NAME", type=not_empty, values=Values.CONVERSATION),
    Option(("--new",), "Begin the conversation anew.", words=0),
    Option(("--once",), "Ask outside of any conversation: nothing before, nothing kept.", words=0),
    Option(("--background", "--bg"), "Answer while other cells run: what is returned has done, "
           "stop() and result().", words=0),
    Option(("--stream",), "Show the answer while it comes, or only when it is there.", "", "BOOL",
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
