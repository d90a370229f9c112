"""Tool calls that an engine leaves in the text.

The transformers engine never parses calls out of a stream, llama.cpp only those of models
whose chat template knows tools. Models write them in two ways:

    <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>

    <tool_call>
    <function=add>
    <parameter=a>
    1
    </parameter>
    </function>
    </tool_call>

The second is Qwen3-Coder's: a text stands there as it is, everything else as JSON, so that
only the tool's schema tells a text of digits from a number.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from xinference_magics.wire.reasoning import LONGEST_MARGIN, overlap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OPEN = "<tool_call>"
_CLOSE = "</tool_call>"
_NAME = re.compile(r'"name"\s*:\s*"([^"]*)"')
_ARGUMENTS = re.compile(r'"arguments"\s*:\s*(.*)', re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>\n]*)>")
_FUNCTION_END = "</function>"
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?")
_PARAMETER_END = "</parameter>"
_NO_SPACE = re.compile(r"\S")
_AT_ONCE = 4_096  # characters of a text that are searched for tags together, and copied for each
_WORDS = {"True": True, "False": False, "None": None}
_JSON_TYPES = {
    dict: {"object"},
    list: {"array"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    type(None): {"null"},
}


@dataclass(frozen=True)
class TextCall:
    """A tool call found in the text; `complete` unless it was cut off or has no valid form."""

    name: str | None
    arguments: str
    complete: bool
    id: str | None


def parse_call(
    text: str, tools: Sequence[Mapping[str, Any]] = (), *, closed: bool = True
) -> TextCall:
    """Read what stands between the tags.

    Args:
        text: What the model wrote.
        tools: What it could call, as OpenAI's dicts; their schemas give values their types.
        closed: Whether the closing tag came, before the answer ended.
    """
    if found := _FUNCTION.match(text.strip()):
        return _tagged_call(found, tools, closed=closed)
    try:
        data = _load(text)
        name, arguments = data["name"], data.get("arguments") or data.get("parameters") or {}
    except (ValueError, LookupError, TypeError):
        return _torn_call(text)
    if not isinstance(name, str):
        return _torn_call(text)
    arguments = as_json(arguments)
    return TextCall(name, arguments, closed and is_object(arguments), _new_id())


def _torn_call(text: str) -> TextCall:
    name, arguments = _NAME.search(text), _ARGUMENTS.search(text)
    rest = arguments[1].rstrip() if arguments else "" if name else text.strip()
    return TextCall(name[1] if name else None, rest, complete=False, id=_new_id())


def _tagged_call(
    opening: re.Match[str], tools: Sequence[Mapping[str, Any]], *, closed: bool
) -> TextCall:
    name, rest = opening[1].strip(), opening.string[opening.end() :].strip()
    inside = rest.removesuffix(_FUNCTION_END)
    schemas = _schemas(tools, name)
    try:
        values = {each: _value(text, schemas.get(each, {})) for each, text in _parameters(inside)}
    except ValueError:
        return TextCall(name or None, rest, complete=False, id=_new_id())
    complete = bool(closed and name) and inside != rest
    arguments = json.dumps(values, ensure_ascii=False) if complete else rest
    return TextCall(name or None, arguments, complete, _new_id())


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values.

    Raises:
        ValueError: Something else stands there, or one of them is not closed.
    """
    text = text.strip()
    begin = 0
    while begin < len(text):
        end = text.find(_PARAMETER_END, begin)
        opening = _PARAMETER.match(text, begin, max(end, begin))
        value = text[opening.end() : end] if opening else ""
        if not opening or "\n<parameter=" in value:
            raise ValueError(text)
        yield opening[1].strip(), value.removesuffix("\n")
        begin = _beyond_space(text, end + len(_PARAMETER_END))


def _beyond_space(text: str, begin: int) -> int:
    found = _NO_SPACE.search(text, begin)
    return found.start() if found else len(text)


def _schemas(tools: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    functions = (tool.get("function") or {} for tool in tools)
    parameters = (each.get("parameters") for each in functions if each.get("name") == name)
    return (next(parameters, None) or {}).get("properties") or {}


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    """Return what `text` stands for where `schema` is asked for.

    Raises:
        ValueError: It has to be JSON, and is none.
    """
    types = _types(schema)
    if types == {"string"}:
        return text
    try:
        value = _WORDS[text] if text in _WORDS else _load(text)
    except ValueError:
        if types and "string" not in types:
            raise
        return text
    meant = _JSON_TYPES.get(type(value), set())
    return text if "string" in types and not meant & types else value


def _types(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that `schema` admits; none where it does not say."""
    given = schema.get("type") or ()
    types = {given} if isinstance(given, str) else set(given)
    if any(isinstance(each, str) for each in schema.get("enum") or ()):
        types.add("string")
    for either in (*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())):
        types |= _types(either)
    return types


def _load(text: str) -> Any:
    """Read JSON as models write it, with line breaks in its texts.

    Raises:
        ValueError: It is none, or nested beyond any use.
    """
    try:
        return json.loads(text, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _new_id() -> str:
    return f"call_{uuid4()}"


def as_json(arguments: Any) -> str:
    """Return a call's arguments as JSON, which some models and engines send as an object."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def is_object(arguments: str) -> bool:
    """Tell whether `arguments` are a JSON object; an empty text stands for none."""
    try:
        return isinstance(_load(arguments or "{}"), dict)
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

    Args:
        tools: What the model could call, as OpenAI's dicts.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]] = ()) -> None:
        self._tools = tools
        self._held = ""
        self._body: list[str] = []  # of the call that is open, all but its end
        self._inside = False
        self._called = False

    def feed(self, piece: str) -> tuple[str, list[TextCall]]:
        """Take a piece; what may be the beginning of a tag is held back."""
        texts: list[str] = []
        calls: list[TextCall] = []
        for start in range(0, len(piece), _AT_ONCE):
            self._held += piece[start : start + _AT_ONCE]
            while self._step(texts, calls):
                pass
        return "".join(texts), calls

    def _step(self, texts: list[str], calls: list[TextCall]) -> bool:
        before, tag, after = self._held.partition(_CLOSE if self._inside else _OPEN)
        if not tag:
            if self._inside:
                self._body.append(self._cut(overlap(self._held, _CLOSE)))
            else:
                texts.append(self._release())
            return False
        if self._inside:
            calls.append(parse_call("".join([*self._body, before]), self._tools))
            self._body.clear()
        else:
            texts.append(before.rstrip())
        self._held, self._inside, self._called = after, not self._inside, True
        return True

    def _release(self) -> str:
        sure = self._held[: len(self._held) - overlap(self._held, _OPEN)]
        keep = len(self._held) - len(sure.rstrip())
        return self._cut(keep if keep < LONGEST_MARGIN else len(self._held) - len(sure))

    def _cut(self, keep: int) -> str:
        """Take all but the last `keep` characters out of what is held back."""
        taken, self._held = (
            self._held[: len(self._held) - keep],
            self._held[len(self._held) - keep :],
        )
        return taken

    def end(self) -> tuple[str, list[TextCall]]:
        """Return what was still held back; a call that is still open was cut off."""
        held, self._held = self._held, ""
        if self._inside:
            return "", [parse_call("".join([*self._body, held]), self._tools, closed=False)]
        return ("" if self._called and not held.strip() else held), []
