"""Options that several commands share."""

from __future__ import annotations

from functools import partial

from xinference_magics.cluster.registrations import MODEL_TYPES
from xinference_magics.notebook.command_line.option import Option, Values, options_of
from xinference_magics.notebook.command_line.readers import (
    count,
    not_empty,
    one_of,
    secret,
    server,
    size,
    variable,
)

BOOLEANS = ("true", "false")

ENDPOINT = Option(
    ("--endpoint", "-e"),
    help="Xinference endpoint, for this command and later ones.",
    type=server,
)
AS_NAME = Option(
    ("--as",),
    help="Name of the LangChain object (default: %config XinferenceMagics.name).",
    metavar="NAME",
    type=variable,
)
WORKER_IP = Option(
    ("--worker-ip",), help="Worker to run on.", metavar="ADDRESS", values=Values.WORKER
)
ONLY_WORKER = Option(
    ("--worker-ip", "-w"), help="Only on this worker.", metavar="ADDRESS", values=Values.WORKER
)
API_KEY = Option(
    ("--api-key", "-ak"),
    help="Refused: a key typed here would be saved with the notebook.",
    type=partial(secret, "set XINFERENCE_API_KEY, or use %xinference login"),
    offered=False,
)
MODEL_NAME = Option(
    ("--model-name", "-n"),
    help="Name of the model.",
    metavar="NAME",
    type=not_empty,
    required=True,
    values=Values.MODEL,
)
MODEL_TYPE = Option(
    ("--model-type", "-t"),
    help="Model type.",
    metavar="TYPE",
    type=partial(one_of, MODEL_TYPES, "type of model"),
    default="LLM",
    values=MODEL_TYPES,
)
MODEL_ENGINE = Option(
    ("--model-engine", "-en"),
    help="Inference engine (default: one that can run it).",
    metavar="ENGINE",
    values=Values.ENGINE,
)
SIZE = Option(
    ("--size-in-billions", "-s"),
    help="Size in billions of parameters, such as 7, 0_5 or 1.8.",
    metavar="SIZE",
    type=size,
    values=Values.SIZE,
)
MODEL_FORMAT = Option(
    ("--model-format", "-f"),
    help="Model format, such as pytorch, ggufv2 or awq.",
    metavar="FORMAT",
    values=Values.FORMAT,
)
QUANTIZATION = Option(
    ("--quantization", "-q"),
    help="Quantization, such as none, q4_k_m or Int4.",
    metavar="NAME",
    values=Values.QUANTIZATION,
)
CONTEXT_LENGTH = Option(
    ("--context-length",),
    help="Maximum tokens per request, prompt and answer together.",
    metavar="N",
    type=count,
)
VIRTUAL_ENV = Option(("--enable-virtual-env",), help="Run in its own virtual environment.", words=0)
NO_VIRTUAL_ENV = Option(
    ("--disable-virtual-env",), help="Run in the server's environment.", words=0, const=False
)


def other_letters(options: type, command: str, others: type) -> str:
    """Describe which letters of `options` mean something else in another command."""
    long = {flag: option.flags[0] for option in options_of(others) for flag in option.flags}
    differ = [
        f"{flag} is {long[flag]} there"
        for option in options_of(options)
        for flag in option.flags
        if flag[:2] != "--" and long.get(flag, option.flags[0]) != option.flags[0]
    ]
    return f"Letters that mean something else in {command}: {', '.join(differ)}." if differ else ""
