"""Remedies as lines to type, shown in cells; scripts get the same in Python's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.plain import as_word
from xinference_magics.remedies import Advice, Arguments, Remedy

if TYPE_CHECKING:
    from collections.abc import Mapping

_ELSEWHERE = "%xinference connect URL connects to another server."

LINES: Mapping[Remedy, str] = {
    Remedy.CONNECT: _ELSEWHERE,
    Remedy.START_OR_CONNECT: (
        "%xinference serve starts a local server; %xinference connect URL connects to another."
    ),
    Remedy.LOG_IN: "%xinference login {endpoint} asks for them, or set XINFERENCE_API_KEY.",
    Remedy.LOG_IN_AGAIN: "%xinference login {endpoint} asks for the password again.",
    Remedy.LOG_IN_TO_MANAGE: "%xinference login {endpoint} logs in as a user who can.",
    Remedy.ASK_FOR_PERMISSION: (
        "An administrator of the server can grant it, or %xinference login as another user."
    ),
    Remedy.LOG_IN_AFTER_SETUP: "Log in with %xinference login.",
    Remedy.TRUST_AUTHORITY: (
        "%env REQUESTS_CA_BUNDLE=/path/to/ca.pem makes its authority trusted here."
    ),
    Remedy.SET_AUTHORITY: "%env {name}=/path/to/ca.pem sets another file.",
    Remedy.START_AGAIN: (
        "%xinference serve starts it again, and %xinference launch -n NAME its models."
    ),
    Remedy.START_YOURSELF: "Start {command} yourself, then %xinference connect.",
    Remedy.STOP_FIRST: "Run %xinference stop, then start it with the other port.",
    Remedy.ANY_PORT: "%xinference serve without a port picks a free one.",
    Remedy.START_AFRESH: "Run %xinference stop, remove {folder}, and start it again.",
    Remedy.INSTALL_SERVER: (
        'pip install "xinference-magics[local]" installs one with its engines; '
        "%xinference connect URL uses a server elsewhere."
    ),
    Remedy.INSTALL_XINFERENCE: (
        "%pip install xinference, or type `xinference cal-model-mem` on the server's machine."
    ),
    Remedy.LAUNCH: "No models are running there; launch one with %xinference launch -n NAME",
    Remedy.LIST_RUNNING: "%xinference list shows what is running.",
    Remedy.LIST_ABILITIES: "%xinference list shows the abilities of running models.",
    Remedy.USE: "%xinference use {uid} for that one",
    Remedy.USE_OR_RENAME: "Run %xinference use {uid}, or choose another UID with -u NAME.",
    Remedy.USE_STOP_OR_RENAME: (
        "Use it with %xinference use {uid}, end it with %xinference terminate {uid}, or "
        "choose another UID with -u NAME."
    ),
    Remedy.TERMINATE: "%xinference terminate {uid} stops it",
    Remedy.CANCEL: "%xinference cancel {uid} stops the launch.",
    Remedy.RELAUNCH: "Terminate it and launch it again instead: %xinference terminate {uid}",
    Remedy.RELAUNCH_WITH_OPTION: (
        "Run %xinference terminate {uid}, then launch it with that option."
    ),
    Remedy.ONE_REPLICA: "Reduce it to one first: %xinference replicas {uid} 1",
    Remedy.LIST_REPLICAS: "%xinference replicas {uid} shows them.",
    Remedy.AWAIT_REPLICAS: "%xinference replicas {uid} shows when it is ready.",
    Remedy.SHOW_EVENTS: "{state} %xinference logs {uid} shows its events.",
    Remedy.PARAMETER: "{field}",
    Remedy.LAUNCH_SIMILAR: "Similar models: {names}. %xinference launch {arguments}",
    Remedy.USE_FILES_OFFLINE: (
        "Start the server without HF_HUB_OFFLINE, or use files that are already there with "
        "--model-path."
    ),
    Remedy.USE_FILES: (
        "Can the machine reach the model hub? To use files that are already there, add "
        "--model-path."
    ),
    Remedy.LEAVE_OUT_ENGINE: "Leave out --model-engine, and one that can run it is chosen.",
    Remedy.INSTALL_PACKAGES: (
        "A package of the engine is missing there: --enable-virtual-env installs it."
    ),
    Remedy.SEE_GPUS: "--gpu-idx accepts only GPUs that the worker can see.",
    Remedy.COUNT_GPUS: "Use --n-gpu auto for the GPUs it has, or --n-gpu none for the CPU.",
    Remedy.RENAME_LEFT_OVER: (
        "A process of that name is left over from another launch: use another --model-uid."
    ),
    Remedy.REGISTER_AGAIN: (
        "A restarted worker forgets registrations that were not kept (-p): register the "
        "model again."
    ),
    Remedy.ADD_ELSEWHERE: (
        "A failed replica still has that name; --worker-ip ADDRESS adds one under another name."
    ),
    Remedy.GIVE_QUANTIZATION: "For example, -q q4_k_m.",
    Remedy.LIST_ENGINES: "%xinference engine -n {name} lists what there is.",
    Remedy.SEARCH: "%xinference search TEXT searches all names.",
    Remedy.SEARCH_CHAT: (
        "Use the builtin model whose prompt format it follows: %xinference search chat"
    ),
    Remedy.LIST_REGISTRATIONS: "%xinference registrations lists all models of a type.",
    Remedy.LIST_OWN: "%xinference registrations --own -t {model_type} lists those.",
    Remedy.UNREGISTER: (
        "%xinference unregister -n {name}{of_type} removes it; or choose another name."
    ),
    Remedy.OTHER_TYPE: "It is of type {model_type}: -t {model_type}.",
    Remedy.MEANT_TYPE: "Is it of type {model_type}? Then add -t {model_type}.",
    Remedy.LIST_CACHED: "%xinference cached lists what there is.",
    Remedy.ASK_AGAIN: (
        "The partial answer was kept. Run the cell again, or see the server's log for the reason."
    ),
    Remedy.SHORTEN: "Shorten it, or lower --max-tokens.",
    Remedy.SHORTEN_ANSWER: "Lower --max-tokens.",
    Remedy.RAISE_MAX_TOKENS: "raise it with --max-tokens N",
    Remedy.ASK_AGENT: "Pass the agent itself with -m to answer it.",
    Remedy.ASK_IN_CONVERSATION: "Ask again without --once.",
    Remedy.SHOW_TURNS: "It has {count}: %conversation show lists them.",
    Remedy.MOVE_ANSWERS: "%config XinferenceMagics.answers = 'PATH' uses another file.",
    Remedy.PREFIX: "--prefix {prefix} names the new one {name}.",
    Remedy.KEEP_OTHER: "%conversation keep {name} to switch",
}

_FLAGS = {
    "model_engine": "-en",
    "model_name": "-n",
    "model_format": "-f",
    "model_size_in_billions": "-s",
    "quantization": "-q",
    "enable_thinking": "--think",
}
"""The flags for the arguments of a launch and of a chat."""


def as_line(advice: Advice) -> str:
    """Return the advice as a line to type."""
    values = {name: _typed(name, value) for name, value in advice.values.items()}
    model_type = advice.values.get("model_type", "LLM")
    of_type = "" if model_type == "LLM" else f" -t {model_type}"
    return LINES[advice.remedy].format(**values, of_type=of_type)


def _typed(name: str, value: Any) -> Any:
    if isinstance(value, Arguments):
        return " ".join(f"{_FLAGS[each]} {given}" for each, given in value.items())
    if name == "field":
        return _FLAGS[value]
    return as_word(value) if name == "uid" else value
