"""A turn: one prompt, its answer, and what produced it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, cast, get_args
from uuid import uuid4

from xinference_magics.chat.figures import Figures, Streamed
from xinference_magics.errors import NotebookError
from xinference_magics.plain import printable, shortened
from xinference_magics.shown import SettledAnswer
from xinference_magics.wire.shapes import UNREADABLE

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
    from langchain_core.messages.ai import UsageMetadata
    from langchain_core.messages.tool import ToolCall

RECORD_MIME = "application/vnd.xinference-magics.turn+json"
RECORD_VERSION = 1

Status = Literal["done", "stopped", "interrupted", "failed"]

_REPR_CHARS = 60
"""Maximum characters of an answer in its repr."""
_MAX_SECONDS = 1e9
"""Seconds that no turn reaches, so a larger number in a record is invalid."""

_RECORD_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "prompt": str,
    "system": str,
    "model_uid": str,
    "engine": (str, type(None)),
    "parameters": dict,
    "started": str,
    "seconds": (int, float),
    "first_token_seconds": (int, float, type(None)),
    "reasoning_seconds": (int, float, type(None)),
    "server_version": (str, type(None)),
    "conversation": (str, type(None)),
    "format": str,
    "status": str,
    "error": str,
}

_REQUIRED = ("prompt", "model_uid")
_RECORDED = {*_RECORD_TYPES, "version", "message", "steps", "blocks", "parsed"}


@dataclass(repr=False)
class Turn(SettledAnswer):
    """One prompt and its answer.

    Attributes:
        prompt: What was sent, with all values inserted.
        message: The answer as a LangChain message: content, reasoning, tool calls, usage. Its
            `response_metadata` says how it arrived.
        model_uid: The UID of the model that answered.
        system: The system prompt it was given; empty for none.
        engine: The engine that runs the model, if the server named it.
        parameters: Generation parameters of this turn, by their request names.
        started: When the request was sent, ISO 8601 in UTC.
        seconds: Total time: from the request to the end.
        first_token_seconds: Time to first token: from the request; None if none came.
        reasoning_seconds: How long it reasoned before the answer; None if it did not.
        blocks: The prompt as LangChain content blocks, if it is more than text.
        steps: Messages between the prompt and the answer: tool calls and their results.
        server_version: The version of the server, if known.
        conversation: The name of the conversation it belongs to; empty for the default one,
            None if it belongs to none.
        format: How the answer is shown, such as `markdown`.
        parsed: The answer as an object, if a schema was given.
        status: `done`, `stopped` (by the button), `interrupted` (the kernel) or `failed`.
        error: One line on what failed; empty otherwise.
        id: A unique id of this turn.
        unknown: Extra fields from a record of a later version; saved again unchanged.
    """

    prompt: str
    message: AIMessage
    model_uid: str
    system: str = ""
    engine: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0
    first_token_seconds: float | None = None
    reasoning_seconds: float | None = None
    blocks: list[dict[str, Any]] | None = None
    steps: list[BaseMessage] = field(default_factory=list)
    server_version: str | None = None
    conversation: str | None = ""
    format: str = "markdown"
    parsed: Any = None
    status: Status = "done"
    error: str = ""
    id: str = field(default_factory=lambda: uuid4().hex)
    unknown: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer's text, without reasoning."""
        return str(self.message.text)

    @property
    def label(self) -> str:
        """A short description of it."""
        return f"Turn of {self.model_uid}: {self.status}"

    @property
    def reasoning(self) -> str:
        """All reasoning of the turn, also that before tool calls; empty if there was none."""
        thoughts = [
            str(each.additional_kwargs.get("reasoning_content") or "") for each in self._answers
        ]
        return "\n\n".join(filter(None, thoughts))

    @property
    def parsed_json(self) -> Any:
        """`parsed` as JSON-compatible values; None if there is none."""
        from pydantic_core import to_jsonable_python

        try:
            return to_jsonable_python(self.parsed, fallback=repr)
        except UnicodeEncodeError:  # a lone surrogate, which models write and pydantic rejects
            return json.loads(printable(json.dumps(self.parsed, ensure_ascii=False, default=repr)))

    @property
    def empty(self) -> bool:
        """Whether nothing arrived: no text, reasoning, tool call or step."""
        return not (self.text or self.reasoning or self.tool_calls or self.steps)

    @property
    def is_answer(self) -> bool:
        """Whether a conversation keeps it, because it is complete or part of it arrived."""
        return self.status == "done" or not self.empty

    @property
    def usage(self) -> UsageMetadata | None:
        """Token usage of all answers in the turn, as counted by the server; None if unknown."""
        from langchain_core.messages.ai import add_usage

        counted = [each.usage_metadata for each in self._answers if each.usage_metadata]
        return reduce(add_usage, counted) if counted else None

    @property
    def tool_calls(self) -> list[ToolCall]:
        """All tool calls that the model made in the turn."""
        return [call for each in self._answers for call in each.tool_calls]

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped: `stop`, `length`, `tool_calls`; None if it was stopped."""
        return cast("str | None", self.message.response_metadata.get("finish_reason"))

    @property
    def cut(self) -> bool:
        """Whether the answer was cut off at `max_tokens`."""
        return self.finish_reason == "length"

    @property
    def tokens(self) -> int | None:
        """Output tokens of all answers in the turn; None if unknown.

        An answer that the server did not count, such as one that was stopped, counts with the
        tokens that arrived, approximately: `figures.is_exact` tells.
        """
        return self.figures.tokens

    @property
    def tokens_per_second(self) -> float | None:
        """The generation rate, without waiting and tools; None if it is too short to measure."""
        return self.figures.tokens_per_second

    @property
    def figures(self) -> Figures:
        """Tokens, rate, time to first token and total time, and the same in `words`."""
        messages = [
            (
                each.usage_metadata["output_tokens"] if each.usage_metadata else None,
                Streamed.of(each.response_metadata) or self._streamed_of_old,
            )
            for each in self._answers
        ]
        return Figures.of(messages, self.first_token_seconds, self.seconds)

    @property
    def _streamed_of_old(self) -> Streamed | None:
        """How the answer arrived, if an earlier version recorded a single one."""
        if self.steps or self.first_token_seconds is None or not self.message.usage_metadata:
            return None
        tokens = self.message.usage_metadata["output_tokens"]
        return Streamed(tokens, tokens, self.seconds - self.first_token_seconds)

    @property
    def _answers(self) -> list[AIMessage]:
        """All messages of the model, the answer last."""
        from langchain_core.messages import AIMessage

        return [*(each for each in self.steps if isinstance(each, AIMessage)), self.message]

    @property
    def messages(self) -> list[BaseMessage]:
        """The turn as LangChain messages: the prompt, the steps, the answer."""
        from langchain_core.messages import HumanMessage

        content: Any = self.blocks or self.prompt
        return [HumanMessage(content), *self.steps, self.message]

    def edited(self, *, prompt: str | None = None, answer: str | None = None) -> Turn:
        """Return a copy with a new prompt or answer; a new answer has no reasoning and no steps."""
        from langchain_core.messages import AIMessage

        turn = replace(self, id=uuid4().hex)
        if prompt is not None:
            turn.prompt, turn.blocks = prompt, None
        if answer is not None:
            turn.message, turn.steps, turn.parsed = AIMessage(answer), [], None
        return turn

    def to_record(self) -> dict[str, Any]:
        """Return the turn as JSON for the notebook's saved output. It contains no secrets."""
        from langchain_core.messages import message_to_dict, messages_to_dict

        return {
            **self.unknown,
            "version": RECORD_VERSION,
            **{name: getattr(self, name) for name in _RECORD_TYPES},
            "blocks": self.blocks and [_recorded(block) for block in self.blocks],
            "parsed": self.parsed_json,
            "steps": messages_to_dict(self.steps),
            "message": message_to_dict(self.message),
        }

    @classmethod
    def from_record(cls, record: object) -> Turn:
        """Read a turn from its record, trusting nothing in it.

        Missing fields get their defaults, so records of earlier versions can be read; unknown
        fields are stored in `unknown`.

        Raises:
            NotebookError: It is not a record of this version, a field has the wrong type, or there
                is no prompt, model or answer.
        """
        if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
            raise NotebookError("This is not a turn in a format this version can read.")
        fields = {name: record[name] for name in _RECORD_TYPES if name in record}
        for name in {**fields, **dict.fromkeys(_REQUIRED)}:
            if name not in fields or not _is_of(fields[name], _RECORD_TYPES[name]):
                raise NotebookError(f"The record of this turn has no valid {name!r}.")
        status = fields.get("status", "done")
        if status not in get_args(Status):
            raise NotebookError(f"The record of this turn has no valid status: {status!r}.")
        try:
            turn = cls(
                message=cast("AIMessage", _read_message(record["message"], "ai")),
                steps=[_read_message(each, *_STEPS) for each in record.get("steps") or ()],
                blocks=_read_blocks(record.get("blocks")),
                parsed=record.get("parsed"),
                unknown={name: value for name, value in record.items() if name not in _RECORDED},
                **fields,
            )
            turn._check()
        except UNREADABLE as error:
            raise NotebookError("The record of this turn has no valid message.") from error
        return turn

    def _check(self) -> None:
        """Read everything once, because what cannot be read now could not be shown later.

        Raises:
            Exception: Something does not have the expected form.
        """
        for message in self.messages:
            if not isinstance(message.additional_kwargs.get("reasoning_content", ""), str):
                raise TypeError("the reasoning is not a string")
            _ = str(message.text)
        _ = (self.usage, self.cut, self.figures.words)
        json.dumps(self.to_record(), ensure_ascii=False)

    def __repr__(self) -> str:
        text = shortened(self.text, _REPR_CHARS)
        figures = ", ".join(self.figures.words)
        return f"Turn({self.model_uid!r}, {figures}, {self.status}: {text!r})"


def is_result(message: BaseMessage) -> TypeGuard[ToolMessage]:
    """Return whether a message is the result of a tool call."""
    return message.type == "tool"


def status_of(result: ToolMessage) -> Literal["done", "failed", "declined"]:
    """Return how a tool call ended, by the message with its result."""
    if result.response_metadata.get("declined") is True:
        return "declined"
    return "failed" if result.status == "error" else "done"


_MAX_MEDIA_CHARS = 1_000_000
"""Maximum base64 characters of an attachment that is saved in a notebook."""


def _is_of(value: object, kind: type | tuple[type, ...]) -> bool:
    """Whether a field has its type; a number must also be below `_MAX_SECONDS`, so not NaN."""
    if isinstance(value, int | float):
        return isinstance(value, kind) and abs(value) < _MAX_SECONDS
    return isinstance(value, kind)


def _recorded(block: dict[str, Any]) -> dict[str, Any]:
    size = len(block.get("base64") or "")
    if size <= _MAX_MEDIA_CHARS:
        return block
    return {"type": "text", "text": f"[{block['type']} of {size / 1e6:.1f} MB, not saved]"}


_STEPS = ("ai", "tool", "human")


def _read_message(data: Any, *types: str) -> BaseMessage:
    """Read a message, which must be of one of the `types`.

    Raises:
        ValueError, KeyError, TypeError: It isn't one.
    """
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    classes: dict[str, type[BaseMessage]] = {
        "ai": AIMessage,
        "tool": ToolMessage,
        "human": HumanMessage,
    }
    if data["type"] not in types:
        raise ValueError(f"not a message of type {', '.join(types)}")
    return classes[data["type"]].model_validate({**data["data"], "type": data["type"]})


def _read_blocks(data: object) -> list[dict[str, Any]] | None:
    if data is None:
        return None
    if not isinstance(data, list) or not all(map(_is_block, data)):
        raise ValueError("not a list of content blocks")
    return data


def _is_block(block: object) -> bool:
    """Whether `block` looks like a LangChain content block, in the fields that are read."""
    return (
        isinstance(block, dict)
        and isinstance(block.get("type"), str)
        and isinstance(block.get("extras", {}), dict)
        and all(isinstance(block.get(name, ""), str) for name in ("text", "base64", "mime_type"))
    )
