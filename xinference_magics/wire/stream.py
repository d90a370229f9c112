"""A streamed answer, chunk by chunk -> ChatGenerationChunk.

Engines stream differently. transformers sends its usage twice and a second, wrong finish
reason, repeats the role, and leaves tool calls in the text; llama.cpp sends its usage in a
chunk without choices, and `content: null` while it thinks. All of it comes out alike: text,
thoughts and tool calls as they arrive, then one last chunk with usage and finish reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from xinference_magics.wire.calls.splitter import CUT_OFF, ToolCallSplitter
from xinference_magics.wire.engines import LLAMA_CPP
from xinference_magics.wire.forced_calls import ForcedCalls
from xinference_magics.wire.metadata import response_metadata, usage_in
from xinference_magics.wire.native_calls import (
    arguments_in,
    function_in,
    id_in,
    may_be_wrapped,
    name_in,
    new_id,
    unwrapped,
)
from xinference_magics.wire.reasoning import ReasoningSplitter
from xinference_magics.wire.shapes import (
    DONE,
    Characters,
    calls_in,
    content_in,
    finish_in,
    integer_in,
    logprobs_in,
    object_in,
    objects_in,
    raw_text_in,
    understood,
)
from xinference_magics.wire.text_calls import (
    TextCall,
    beyond_repair,
    is_object,
)
from xinference_magics.wire.tools import demanding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from langchain_core.messages import ToolCallChunk

    from xinference_magics.wire.request import ChatRequest


_BEYOND_BLOCKS = 1000
"""A number that no text of an answer has: langchain-core counts them from 0."""


class StreamConverter:
    """Convert one stream: `feed` it each chunk in turn, then `end` it once.

    Args:
        request: What was asked.
        in_blocks: Whether langchain-core will make numbered blocks of the chunks
            (`output_version="v1"`). It merges all that have one number, a call's into a text's
            as well, so the calls then count from elsewhere.
    """

    def __init__(self, request: ChatRequest, *, in_blocks: bool = False) -> None:
        self._request = request
        self._understood = understood(request.model_uid, request.request_id)
        self._reasoning = ReasoningSplitter(prefilled=request.think_prefilled)
        self._tags = ToolCallSplitter(request.tools) if request.tools else None
        self._forced = ForcedCalls() if request.forced else None
        self._calls = _Calls(_BEYOND_BLOCKS if in_blocks else 0, request.tools)
        self.called = self._calls.names
        self._text, self._thought = Characters(), Characters()
        self._thoughts: list[str] = []
        self._may_misplace = request.engine in (LLAMA_CPP, None)
        self._of_its_own = False
        self._answered = False
        self._finish: str | None = None
        self._beside: dict[str, Any] = {}

    def feed(self, data: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Take a chunk as the server sent it; return None where it says nothing yet.

        Raises:
            ServerError: It has another form than it has to have.
        """
        with self._understood:
            return self._read(data)

    def _read(self, data: Mapping[str, Any]) -> ChatGenerationChunk | None:
        choices = objects_in(data, "choices")
        if not choices:
            self._note(data)
            return None
        choice = choices[0]
        if choice.get("finish_reason") and (finish := finish_in(choice)):
            self._finish = self._finish or finish
            self._note(data)
        delta = object_in(choice, "delta") or object_in(choice, "message")
        thought, text = self._parts(delta)
        calls = self._calls.deltas(calls_in(delta)) if delta.get("tool_calls") else []
        if self._tags and calls:
            self._tags.drop_torn_tag()
        if self._forced and text:
            text, pieces = self._forced.feed(text)
            calls += self._calls.read(pieces)
        if self._tags and text:
            text, in_text = self._tags.feed(text)
            calls += map(self._calls.whole, in_text)
        return self._chunk(text, thought, calls, logprobs_in(choice))

    @property
    def swallowed(self) -> bool:
        """Whether tokens were written of which nothing came.

        vLLM's parsers drop a call of a form that they do not know, and end the stream properly.
        """
        silent = not (self._answered or self._thoughts or self._calls.any)
        usage = usage_in(self._beside)
        counted = usage is not None and usage["output_tokens"] > 1  # its end is one, too
        return bool(self._tags and silent and counted and self._finish == "stop")

    def end(self) -> ChatGenerationChunk:
        """Return the last chunk.

        Raises:
            StreamError: The server never said that the answer was complete.
        """
        if self._finish is None and not self._beside.get(DONE):
            raise self._request.broken_off()
        return self._last(self._finish or "stop")

    def _last(self, finish: str) -> ChatGenerationChunk:
        text, thought, calls = self._held_back()
        if finish == "stop" and (self._calls.in_text or (self._calls.any and not self._finish)):
            finish = "tool_calls"
        answered = self._answered or text or calls or self._calls.any
        if not answered and finish == "stop":
            # An answer without a thought, or one whose engine calls all of it a thought.
            text = "".join(self._thoughts)
        self._answered = bool(answered or text)
        metadata = response_metadata(self._request, finish, self._beside)
        message = AIMessageChunk(
            content=text,
            additional_kwargs={"reasoning_content": thought} if thought else {},
            tool_call_chunks=calls,
            usage_metadata=usage_in(self._beside),
            response_metadata=metadata,
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message, generation_info={"finish_reason": finish})

    def _note(self, data: Mapping[str, Any]) -> None:
        """Remember what stands beside the choices; usage that comes again is the same."""
        self._beside |= {name: value for name, value in data.items() if value is not None}

    def _parts(self, delta: Mapping[str, Any]) -> tuple[str, str]:
        """Return thought and answer; the engine's own division counts before tags."""
        in_blocks, text = content_in(delta)
        text = self._text.feed(text)
        thought = raw_text_in(delta, "reasoning_content") or raw_text_in(delta, "reasoning")
        if thought := self._thought.feed(thought or in_blocks):
            if self._request.without_thinking:
                return "", thought + text
            if self._misplaced(delta):
                return self._reasoning.text(thought)
            thought = self._reasoning.thought(thought)
        if self._reasoning.settled or not text:
            return thought, text
        more, text = self._reasoning.text(text)
        return thought + more, text

    def _misplaced(self, delta: Mapping[str, Any]) -> bool:
        """Tell whether what `delta` calls a thought is the answer.

        Launched with a reasoning parser, a model of llama.cpp has two: the engine's own, whose
        thoughts stand alone, and then Xinference's, which takes what the first has left as the
        answer for a thought. Its deltas have a `content` of null as well.
        """
        alone = "content" not in delta
        self._of_its_own = self._of_its_own or alone
        return self._may_misplace and self._of_its_own and not alone

    def _chunk(
        self, text: str, thought: str, calls: list[ToolCallChunk], logprobs: Any
    ) -> ChatGenerationChunk | None:
        beside: dict[str, Any] = {}
        if text:
            self._answered = True
        if thought:
            self._thoughts.append(thought)
            beside["additional_kwargs"] = {"reasoning_content": thought}
        if calls:
            beside["tool_call_chunks"] = calls
        if not (text or beside or logprobs):
            return None
        return ChatGenerationChunk(
            message=AIMessageChunk(content=text, **beside),
            generation_info={"logprobs": logprobs} if logprobs else None,
        )

    def _held_back(self) -> tuple[str, str, list[ToolCallChunk]]:
        """Return text, thought and calls that waited for what might have followed."""
        thought, text = self._reasoning.end()
        thought, text = self._thought.end() + thought, text + self._text.end()
        if thought:
            self._thoughts.append(thought)
        calls: list[ToolCallChunk] = []
        if self._forced:
            before, pieces = self._forced.feed(text)
            text, rest = self._forced.end(cut=self._finish in CUT_OFF)
            text = before + text
            calls += self._calls.read(pieces + rest)
        if self._tags:
            before, whole = self._tags.feed(text)
            text, torn = self._tags.end(cut=self._finish in CUT_OFF)
            text = before + text
            calls += map(self._calls.whole, whole + torn)
        calls += self._calls.held_back()
        return text, thought, _joined(calls + self._calls.torn(self._finish))


def _joined(pieces: Iterable[ToolCallChunk]) -> list[ToolCallChunk]:
    """Join the pieces of each call: langchain-core merges messages, not what is within one."""
    calls: dict[int | str | None, ToolCallChunk] = {}
    for piece in pieces:
        known = calls.setdefault(piece["index"], piece)
        if known is not piece:
            known["args"] = (known["args"] or "") + (piece["args"] or "")
    return list(calls.values())


class _Call:
    """A call whose pieces arrive.

    Args:
        number: The number under which langchain-core merges its pieces.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = ""
        self.begun = False
        self.wrapped: bool | None = None  # None: before the first character of its arguments
        self.characters = Characters()

    def shown(self, arguments: str) -> str:
        """Return what can be passed on of a piece: arguments encoded twice wait for their end."""
        if self.wrapped is None and arguments.strip():
            self.wrapped = may_be_wrapped(arguments)
        return "" if self.wrapped else arguments


class _Calls:
    """The tool calls of a stream, gathered to see in the end which of them were torn.

    Args:
        first: The number of the first one.
        tools: What the model could call, as OpenAI's dicts.
    """

    def __init__(self, first: int, tools: Sequence[Mapping[str, Any]] = ()) -> None:
        self._first = first
        self._offered = [str((each.get("function") or {}).get("name")) for each in tools]
        self._demanding = demanding(tools)
        self._arguments: dict[int, list[str]] = {}
        self._calls: list[_Call] = []
        self._by_id: dict[str | None, _Call] = {}
        self._by_index: dict[int | None, _Call] = {}
        self.names: set[str | None] = set()
        self.in_text = False

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return self.in_text or bool(self._arguments)

    def deltas(self, raw: Iterable[Mapping[str, Any]]) -> list[ToolCallChunk]:
        """Translate the server's own pieces of calls."""
        return [self._delta(each) for each in raw]

    def _delta(self, raw: Mapping[str, Any]) -> ToolCallChunk:
        function, given, index = function_in(raw), id_in(raw), integer_in(raw, "index")
        name, arguments = name_in(function), arguments_in(function)
        call = self._with_id(given, index, name, arguments) if given else None
        if not given:
            call = self._without_id(index, name, arguments)
        call = call or self._begin()
        self._by_index[index] = self._by_index[None] = call
        if given:
            self._by_id[given] = call
        first, call.begun = not call.begun, True
        arguments = call.characters.feed(arguments)
        if arguments:
            self._arguments[call.number].append(arguments)
        return tool_call_chunk(
            name=self._name(call, name),
            args=call.shown(arguments),
            id=(given or new_id()) if first else None,
            index=call.number,
        )

    def _begin(self) -> _Call:
        call = _Call(self._first + len(self._arguments))
        self._calls.append(call)
        self._arguments[call.number] = []
        return call

    def _with_id(self, given: str, index: int | None, name: str, arguments: str) -> _Call | None:
        """Return the call that a piece with an id goes on with; None for one that begins.

        Xinference before 4.0 on vLLM, and SGLang, number all calls 0: the id counts.
        """
        call = self._by_id.get(given) or self._by_index.get(index)
        if call is None or call is self._by_id.get(given) or not call.name:
            return call
        begins = name or (arguments and self._is_whole(call))
        return None if begins else call

    def _without_id(self, index: int | None, name: str, arguments: str) -> _Call | None:
        """Return the call that a piece without an id goes on with; None for one that begins.

        Some servers repeat the name in every piece, or number nothing.
        """
        call = self._by_index.get(index)
        if not name:
            return call or self._by_index.get(None)
        if call is None or not call.name:
            return call
        if name != call.name:
            return call if self._is_part(call.name + name) else None
        begins = arguments.lstrip()[:1] in {"{", '"'} and self._is_whole(call)
        return None if begins else call

    def _is_whole(self, call: _Call) -> bool:
        parts = self._arguments[call.number]
        if not parts or parts[-1].rstrip()[-1:] not in {"}", '"'}:
            return False  # soon seen: pieces may be many
        arguments = "".join(parts)
        return bool(arguments) and is_object(unwrapped(arguments))

    def _is_part(self, name: str) -> bool:
        return any(each.startswith(name) for each in self._offered)

    def _name(self, call: _Call, name: str) -> str | None:
        """Return what is new of a name, which langchain-core would put together."""
        if not name or name == call.name:
            return None
        self.names.discard(call.name)
        call.name += name
        self.names.add(call.name)
        return name

    def held_back(self) -> list[ToolCallChunk]:
        """Return what waited for the end: arguments encoded twice, half a character."""
        return [chunk for call in self._calls for chunk in self._rest(call)]

    def _rest(self, call: _Call) -> Iterator[ToolCallChunk]:
        parts = self._arguments[call.number]
        parts.append(rest := call.characters.end())
        if call.wrapped:
            parts[:] = [rest := unwrapped("".join(parts))]
        if rest:
            yield tool_call_chunk(name=None, args=rest, id=None, index=call.number)

    def read(self, pieces: Iterable[Mapping[str, Any]]) -> list[ToolCallChunk]:
        """Translate the pieces of calls that were read out of the text."""
        made = self.deltas(pieces)
        self.in_text = self.in_text or bool(made)
        return made

    def whole(self, call: TextCall) -> ToolCallChunk:
        """Translate a call that was found in the text."""
        self.in_text = True
        self.names.add(call.name)
        end = "" if call.complete else beyond_repair(call.arguments)
        index = self._first + len(self._arguments)
        self._arguments[index] = [call.arguments if call.complete else "{}"]
        return tool_call_chunk(name=call.name, args=call.arguments + end, id=call.id, index=index)

    def torn(self, finish: str | None) -> list[ToolCallChunk]:
        """Return what makes calls with broken arguments invalid when the chunks are merged."""
        cut = finish == "length"
        return [
            tool_call_chunk(name=None, args=beyond_repair(arguments), id=None, index=index)
            for index, arguments in ((i, "".join(parts)) for i, parts in self._arguments.items())
            if not is_object(arguments) or (not arguments and (cut or self._lacks(index)))
        ]

    def _lacks(self, index: int) -> bool:
        """Tell whether a call without arguments is none: vLLM sends names it cannot go on with."""
        return any(each.number == index and each.name in self._demanding for each in self._calls)
