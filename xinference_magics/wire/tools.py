"""Tools on the wire: which one must be called, and calls that an engine leaves in the text.

The transformers engine never parses calls out of a stream, llama.cpp only those of models
whose chat template knows tools: ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``
then stands in the text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.utils.function_calling import convert_to_openai_tool

from xinference_magics.errors import BadRequestError
from xinference_magics.transport.failures import did_you_mean
from xinference_magics.wire.reasoning import overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.tools import BaseTool

    Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool

_OPEN = "<tool_call>"
_CLOSE = "</tool_call>"
_NAME = re.compile(r'"name"\s*:\s*"([^"]*)"')
_ARGUMENTS = re.compile(r'"arguments"\s*:\s*(.*)', re.DOTALL)
_ANY = {"any", "required"}


def tool_dicts(tools: Sequence[Tool], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Return `tools` as OpenAI's dicts; what is one already stays as it is."""
    return [convert_to_openai_tool(tool, strict=strict) for tool in tools]


def wire_choice(
    choice: dict[str, Any] | str | bool | None, tools: Sequence[dict[str, Any]]
) -> dict[str, Any] | str | None:
    """Translate every spelling of a tool choice into the four that the server takes.

    Args:
        choice: ``"any"``, True, ``"required"``, ``"auto"``, ``"none"``, a tool's name, or
            OpenAI's or Anthropic's dict. None and False leave it to the model.
        tools: The tools that are sent, as OpenAI's dicts.

    Raises:
        BadRequestError: No such tool is sent.
    """
    if isinstance(choice, dict):
        choice = _named_in(choice)
    if choice is None or choice is False:
        return None
    if choice is True or choice in _ANY:
        return "required"
    if choice in {"auto", "none"}:
        return choice
    names = [tool["function"]["name"] for tool in tools]
    if choice not in names:
        hint = did_you_mean(choice, names) or f"The tools are {', '.join(names) or 'none'}."
        raise BadRequestError(f"tool_choice names no tool: {choice!r}.", hint=hint)
    return {"type": "function", "function": {"name": choice}}


def _named_in(choice: dict[str, Any]) -> str:
    name = choice.get("function", choice).get("name") or choice.get("type")
    return str(name)


@dataclass(frozen=True)
class TextCall:
    """A tool call found in the text; `complete` unless it was cut off or is no JSON."""

    name: str | None
    arguments: str
    complete: bool
    id: str | None


def parse_call(text: str, *, closed: bool) -> TextCall:
    """Read what stands between the tags; `closed` unless the answer ended before the tag."""
    try:
        data = json.loads(text, strict=False)
        name, arguments = data["name"], data.get("arguments") or data.get("parameters") or {}
    except (ValueError, LookupError, TypeError):
        return _torn_call(text)
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return TextCall(name, arguments, closed and is_object(arguments), _new_id())


def _torn_call(text: str) -> TextCall:
    name, arguments = _NAME.search(text), _ARGUMENTS.search(text)
    rest = arguments[1].rstrip() if arguments else "" if name else text.strip()
    return TextCall(name[1] if name else None, rest, complete=False, id=_new_id())


def _new_id() -> str:
    return f"call_{uuid4()}"


def is_object(arguments: str) -> bool:
    """Tell whether `arguments` are a JSON object; an empty text stands for none."""
    try:
        return isinstance(json.loads(arguments or "{}", strict=False), dict)
    except ValueError:
        return False


def beyond_repair(arguments: str) -> str:
    """Return what, added to torn `arguments`, keeps langchain-core from mending them.

    Core completes cut JSON when it merges a stream's chunks, so that a torn call comes out
    as a valid one with wrong arguments. Only a bracket that closes nothing makes it give up
    and report an invalid tool call instead.
    """
    quoted, escaped, brackets = False, False, []
    for each in arguments:
        if quoted:
            quoted = escaped or each != '"'
            escaped = each == "\\" and not escaped
        elif each == '"':
            quoted = True
        elif each in "{[":
            brackets.append(each)
        elif each in "}]" and brackets:
            brackets.pop()
    quote = ('"' if not escaped else '\\"') if quoted else ""
    return quote + ("}" if brackets and brackets[-1] == "[" else "]")


class ToolCallSplitter:
    """Take a text's pieces as they come; return (text, calls) without the tags.

    White space between calls, and around them where nothing else stands, is dropped.
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._called = False

    def feed(self, piece: str) -> tuple[str, list[TextCall]]:
        """Take a piece; what may be the beginning of a tag is held back."""
        self._held += piece
        texts: list[str] = []
        calls: list[TextCall] = []
        while self._step(texts, calls):
            pass
        return "".join(texts), calls

    def _step(self, texts: list[str], calls: list[TextCall]) -> bool:
        before, tag, after = self._held.partition(_CLOSE if self._inside else _OPEN)
        if not tag:
            if not self._inside:
                texts.append(self._release())
            return False
        if self._inside:
            calls.append(parse_call(before, closed=True))
        else:
            texts.append(before.rstrip())
        self._held, self._inside, self._called = after, not self._inside, True
        return True

    def _release(self) -> str:
        sure = self._held[: len(self._held) - overlap(self._held, _OPEN)].rstrip()
        self._held = self._held[len(sure) :]
        return sure

    def end(self) -> tuple[str, list[TextCall]]:
        """Return what was still held back; a call that is still open was cut off."""
        held, self._held = self._held, ""
        if self._inside:
            return "", [parse_call(held, closed=False)]
        return ("" if self._called and not held.strip() else held), []
