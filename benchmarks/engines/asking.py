"""Raw requests to one model, so that the engine is observed and not our client."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    Prompt = str | list[dict[str, Any]]

SLOWEST = 900
"""Seconds that one answer may take: an engine on a busy CPU writes two tokens per second."""

A_MOMENT = 2.0
"""Seconds after which an engine has noticed that nobody reads its answer any more."""


@dataclass(frozen=True)
class Whole:
    """A complete answer.

    Attributes:
        status: Its HTTP status.
        data: Its JSON; text that isn't JSON is under ``detail``.
    """

    status: int
    data: dict[str, Any]

    @property
    def refused(self) -> bool:
        """Whether the server refused the request."""
        return self.status >= requests.codes.bad_request

    @property
    def choice(self) -> dict[str, Any]:
        """The first choice; empty if there is none."""
        return next(iter(self.data.get("choices") or ()), {})

    @property
    def text(self) -> str:
        """What the model wrote."""
        return (self.choice.get("message") or {}).get("content") or ""

    @property
    def reasoning(self) -> str:
        """What the server marks as the model's reasoning."""
        return _reasoning(self.choice.get("message") or {})

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tool calls that the server found."""
        return (self.choice.get("message") or {}).get("tool_calls") or []

    @property
    def prompt_tokens(self) -> int | None:
        """The length of the prompt, as the chat template wrote it."""
        return (self.data.get("usage") or {}).get("prompt_tokens")

    @property
    def finish(self) -> str | None:
        """Why the answer ended."""
        return self.choice.get("finish_reason")


@dataclass(frozen=True)
class Streamed:
    """A streamed answer: its events, and whether it ended properly."""

    status: int
    events: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def refused(self) -> bool:
        """Whether the server refused the request, before the stream or in it."""
        return self.status >= requests.codes.bad_request or any("error" in e for e in self.events)

    @cached_property
    def choices(self) -> list[dict[str, Any]]:
        """The first choice of each event that has one."""
        return [event["choices"][0] for event in self.events if event.get("choices")]

    @property
    def text(self) -> str:
        """What the model wrote."""
        return "".join((c.get("delta") or {}).get("content") or "" for c in self.choices)

    @property
    def reasoning(self) -> str:
        """What the server marks as the model's reasoning."""
        return "".join(_reasoning(c.get("delta") or {}) for c in self.choices)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The pieces of tool calls that contain a name, one for each call."""
        pieces = (p for c in self.choices for p in (c.get("delta") or {}).get("tool_calls") or ())
        return [piece for piece in pieces if (piece.get("function") or {}).get("name")]

    @property
    def finishes(self) -> list[str]:
        """Every finish reason that was sent."""
        return [c["finish_reason"] for c in self.choices if c.get("finish_reason")]

    @property
    def usages(self) -> list[dict[str, Any]]:
        """Every usage that was sent."""
        return [event["usage"] for event in self.events if event.get("usage")]


@dataclass(frozen=True)
class Model:
    """One running model to send requests to.

    Args:
        endpoint: The server's URL.
        uid: The model's UID.
    """

    endpoint: str
    uid: str

    @cached_property
    def described(self) -> dict[str, Any]:
        """The server's description of the model."""
        answer = requests.get(f"{self.endpoint}/v1/models/{self.uid}", timeout=SLOWEST)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    @property
    def engine(self) -> str:
        """The name of its engine, in lower case."""
        return str(self.described.get("model_engine")).casefold()

    @property
    def abilities(self) -> set[str]:
        """The model's abilities according to the server, such as ``vision``."""
        return set(self.described.get("model_ability") or ())

    @property
    def reasons(self) -> bool:
        """Whether it can reason."""
        return bool(self.abilities & {"reasoning", "hybrid"})

    def failures(self) -> list[dict[str, Any]]:
        """Return the errors among the model's events."""
        url = f"{self.endpoint}/v1/models/{self.uid}/events"
        events = requests.get(url, timeout=SLOWEST).json()
        return [each for each in events if each.get("event_type") == "ERROR"]

    def answers(self) -> bool:
        """Return whether the model still answers a plain request."""
        return not self.whole("Hello!", max_tokens=4).refused

    def whole(self, prompt: Prompt, **parameters: Any) -> Whole:
        """Request a complete answer, at temperature 0 by default."""
        answer = self._post(_body(self.uid, prompt, parameters))
        try:
            return Whole(answer.status_code, answer.json())
        except ValueError:
            return Whole(answer.status_code, {"detail": answer.text})

    def streamed(self, prompt: Prompt, **parameters: Any) -> Streamed:
        """Request a stream, and read it to its end."""
        body = {**_body(self.uid, prompt, parameters), "stream": True}
        with self._post(body, stream=True) as answer:
            lines = list(_data(answer)) if answer.ok else []
            events = [json.loads(line) for line in lines if line != "[DONE]"]
            return Streamed(answer.status_code, events, "[DONE]" in lines)

    def abort(self, request_id: str) -> str:
        """Ask the server to abort a request; return its message, such as ``DONE`` or ``NO_OP``."""
        path = f"/v1/models/{self.uid}/requests/{request_id}/abort"
        answer = requests.post(self.endpoint + path, json={"block_duration": 0}, timeout=SLOWEST)
        return str(answer.json().get("msg"))

    def left_stream(self) -> str:
        """Begin a long stream, disconnect after some events, and return its request id."""
        request_id, body = self._long()
        with self._post({**body, "stream": True}, stream=True) as answer:
            for _, _ in zip(range(4), _data(answer), strict=False):
                pass
        time.sleep(A_MOMENT)
        return request_id

    def left_whole(self) -> str | None:
        """Request a long answer, disconnect before it arrives, and return its request id."""
        request_id, body = self._long()
        try:
            self._post(body, patience=A_MOMENT)
        except requests.ReadTimeout:
            time.sleep(A_MOMENT)
            return request_id
        return None

    def _long(self) -> tuple[str, dict[str, Any]]:
        request_id = uuid4().hex
        body = _body(self.uid, "Count from 1 to 300.", {"max_tokens": 300})
        return request_id, {**body, "request_id": request_id}

    def _post(
        self, body: dict[str, Any], *, stream: bool = False, patience: float = SLOWEST
    ) -> requests.Response:
        url = f"{self.endpoint}/v1/chat/completions"
        return requests.post(url, json=body, stream=stream, timeout=patience)


def _body(uid: str, prompt: Prompt, parameters: dict[str, Any]) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return {"model": uid, "messages": messages, "temperature": 0, "max_tokens": 48, **parameters}


def _reasoning(message: dict[str, Any]) -> str:
    return message.get("reasoning_content") or message.get("reasoning") or ""


def _data(answer: requests.Response) -> Iterator[str]:
    """Yield the data of each event of a stream."""
    for line in answer.iter_lines():
        if line.startswith(b"data:"):
            yield line[5:].strip().decode()
