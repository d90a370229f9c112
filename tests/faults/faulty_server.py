"""A scripted Xinference that is healthy until a test makes it give a bad answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import recorded
from scripted_server import Reply, Request, ScriptedServer, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripted_server import Script

UID = "tiny"
ANSWER = ("One", " two", " three", " four.")
TEXT = "".join(ANSWER)
DESCRIPTION = {
    "model_type": "LLM",
    "model_name": "tiny-chat",
    "model_ability": ["chat"],
    "model_engine": "llama.cpp",
    "context_length": 4096,
}
OFFER = {
    "model_name": "tiny-chat",
    "model_format": "ggufv2",
    "model_size_in_billions": "0_1",
    "quantizations": ["f16"],
}


def instance(uid: str, status: str, reason: str | None = None) -> list[dict[str, Any]]:
    """Return the list of instances for one model with one replica."""
    replica = {"replica_model_uid": f"{uid}-rep0", "status": status, "error_message": reason}
    return [{"model_uid": uid, "status": status, "replica_statuses": [replica]}]


def healthy() -> dict[str, Any]:
    """Return what each path of the management API answers on a healthy server."""
    return {
        "GET /v1/cluster/auth": {"auth": False},
        "GET /v1/cluster/version": {"version": "4.1.0"},
        "GET /v1/models": {"object": "list", "data": [{"id": UID, **DESCRIPTION}]},
        f"GET /v1/models/{UID}": DESCRIPTION,
        "GET /v1/models/new": DESCRIPTION,
        "GET /v1/models/instances": instance("new", "READY"),
        "GET /v1/models/new/progress": {"progress": 0.5, "stage": "loading"},
        "GET /v1/models/new/events": [],
        "GET /v1/engines/LLM/tiny-chat": {"llama.cpp": [OFFER]},
        "GET /status": {"uptime": 1, "workers": {"127.0.0.1:1": {}}},
        "POST /v1/models": {"model_uid": "new"},
    }


class FaultyServer(ScriptedServer):
    """Serve a model `tiny`, and one that is launched as `new`.

    `faults` maps a regular expression for ``METHOD path`` to the script to play instead of the
    healthy answer; it may be changed at any time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, Script | Callable[[], Script]] = {}
        self.answers = healthy()
        self.stream = recorded.llama(*ANSWER)

    def script_for(self, request: Request) -> Script:
        what = f"{request.method} {request.path}"
        for pattern, script in self.faults.items():
            if re.fullmatch(pattern, what):
                return script() if callable(script) else script
        if what == "POST /v1/chat/completions":
            if request.body.get("stream"):
                return Stream(self.stream)
            return Reply(body=recorded.whole({"content": TEXT}))
        if what in self.answers:
            return Reply(body=self.answers[what])
        return super().script_for(request)
