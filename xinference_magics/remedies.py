"""What to do about an error, as a code that is worded for whoever reads it.

A script gets a remedy in Python terms, as below. In a notebook that has loaded the extension,
`xinference_magics.notebook.remedies` words it as a line to type. The wording is looked up when it
is read, in the IPython shell of this process, so nothing is stored here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any

WORDS = "xinference_magics.remedies"
"""The key in a shell's `meta` of the function that words an `Advice`."""


@unique
class Remedy(Enum):
    """What to do next; calling a member with values for its placeholders returns an `Advice`."""

    # Servers and credentials
    CONNECT = "Pass server_url=... to connect to another server."
    START_OR_CONNECT = "Start `xinference-local`, or pass server_url=... to connect elsewhere."
    LOG_IN = "Pass api_key=..., or set XINFERENCE_API_KEY."
    LOG_IN_AGAIN = "Log in at {endpoint} again, pass api_key=..., or set XINFERENCE_API_KEY."
    LOG_IN_TO_MANAGE = "Use the credentials of a user who can."
    ASK_FOR_PERMISSION = (
        "An administrator of the server can grant it, or use another user's credentials."
    )
    LOG_IN_AFTER_SETUP = "Log in with that account."
    TRUST_AUTHORITY = "REQUESTS_CA_BUNDLE=/path/to/ca.pem makes its authority trusted here."
    SET_AUTHORITY = "Set {name} to another file."

    # The local server
    START_AGAIN = "`xinference_magics.local_server.server.start()` starts it again."
    START_YOURSELF = "Start {command} yourself, then pass its URL as server_url=..."
    STOP_FIRST = "Stop it, then start it with the other port."
    ANY_PORT = "Leave out the port, and a free one is picked."
    START_AFRESH = "Stop it, remove {folder}, and start it again."
    INSTALL_SERVER = (
        'pip install "xinference-magics[local]" installs one with its engines; pass server_url=... '
        "to use a server elsewhere."
    )
    INSTALL_XINFERENCE = (
        "pip install xinference, or type `xinference cal-model-mem` on the server's machine."
    )

    # Running models
    LAUNCH = "No models are running there; `Cluster(server_url).launch(...)` starts one."
    LIST_RUNNING = "`Cluster(server_url).models()` returns what is running."
    LIST_ABILITIES = "`Cluster(server_url).models()` has the abilities of running models."
    USE = "pass model_uid={uid!r} for that one"
    USE_OR_RENAME = "Pass model_uid={uid!r} to use it, or choose another UID."
    USE_STOP_OR_RENAME = (
        "Pass model_uid={uid!r} to use it, call terminate({uid!r}) to end it, or choose another "
        "UID."
    )
    TERMINATE = "terminate({uid!r}) stops it"
    CANCEL = "cancel({uid!r}) stops the launch."
    RELAUNCH = "Terminate it and launch it again instead: terminate({uid!r})"
    RELAUNCH_WITH_OPTION = "Call terminate({uid!r}), then launch it with that option."
    ONE_REPLICA = "Reduce it to one replica first."
    LIST_REPLICAS = "replicas({uid!r}) returns them."
    AWAIT_REPLICAS = "replicas({uid!r}) shows when it is ready."
    SHOW_EVENTS = "{state} events({uid!r}) returns its events."

    # Launches
    PARAMETER = "{field}"
    LAUNCH_SIMILAR = "Similar models: {names}. LaunchRequest({arguments})"
    USE_FILES_OFFLINE = (
        "Start the server without HF_HUB_OFFLINE, or use files that are already there with "
        "model_path=..."
    )
    USE_FILES = (
        "Can the machine reach the model hub? To use files that are already there, pass "
        "model_path=..."
    )
    LEAVE_OUT_ENGINE = "Leave out model_engine, and one that can run it is chosen."
    INSTALL_PACKAGES = (
        "A package of the engine is missing there: enable_virtual_env=True installs it."
    )
    SEE_GPUS = "gpu_idx accepts only GPUs that the worker can see."
    COUNT_GPUS = 'Use n_gpu="auto" for the GPUs it has, or n_gpu=None for the CPU.'
    RENAME_LEFT_OVER = (
        "A process of that name is left over from another launch: use another model_uid."
    )
    REGISTER_AGAIN = (
        "A restarted worker forgets registrations that were not kept (persist=True): register the "
        "model again."
    )
    ADD_ELSEWHERE = (
        "A failed replica still has that name; worker_ip=... adds one under another name."
    )
    GIVE_QUANTIZATION = 'For example, quantization="q4_k_m".'
    LIST_ENGINES = "registry.engines({name!r}) returns what there is."

    # The registry and the cache
    SEARCH = "registry.search([TEXT]) searches all names."
    SEARCH_CHAT = 'Use the builtin model whose prompt format it follows: registry.search(["chat"])'
    LIST_REGISTRATIONS = "registry.names(model_type) returns all models of a type."
    LIST_OWN = "Your own models of type {model_type} are those that are not builtin."
    UNREGISTER = "unregister({model_type!r}, {name!r}) removes it; or choose another name."
    OTHER_TYPE = "It is of type {model_type}."
    MEANT_TYPE = "Is it of type {model_type}? Then pass that."
    LIST_CACHED = "`Cluster(server_url).cache.models()` lists what there is."

    # Chats
    ASK_AGAIN = "What had arrived was delivered; ask again, or see the server's log for the reason."
    SHORTEN = "Shorten it, or lower max_tokens."
    SHORTEN_ANSWER = "Lower max_tokens."
    RAISE_MAX_TOKENS = "raise max_tokens"
    ASK_AGENT = "Ask the agent itself to answer it."
    ASK_IN_CONVERSATION = "Ask again in a conversation."
    SHOW_TURNS = "It has {count}."
    # Data
    MOVE_ANSWERS = "AnswerStore(PATH) uses another file."
    PREFIX = "prefix={prefix!r} names the new one {name!r}."

    KEEP_OTHER = "keep {name} to switch"

    def __call__(self, **values: Any) -> Advice:
        """Return this remedy with its placeholders' values.

        Args:
            **values: Values by placeholder, such as a model's UID for `uid`.
        """
        return Advice(self, values)


@dataclass(frozen=True)
class Advice:
    """A remedy with its values; as a string, worded for whoever runs this process.

    Args:
        remedy: What to do.
        values: Values by placeholder.
    """

    remedy: Remedy
    values: dict[str, Any]

    def __str__(self) -> str:
        words = _words_of_shell()
        return words(self) if words else self.in_python()

    def in_python(self) -> str:
        """Return the wording for a script."""
        return self.remedy.value.format(**self.values)


class Arguments(dict[str, Any]):
    """Arguments of a call; as a string, in Python syntax."""

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.items())

    __format__ = object.__format__


def _words_of_shell() -> Any:
    """Return the function the extension left in this process's shell; None if it isn't loaded."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython else None
    return getattr(shell, "meta", {}).get(WORDS)
