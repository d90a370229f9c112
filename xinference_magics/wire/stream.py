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

from xinference_magics.wire.engines import LLAMA_CPP
from xinference_magics.wire.metadata import response_metadata, usage_metadata
from xinference_magics.wire.reasoning import ReasoningSplitter
from xinference_magics.wire.shapes import (
    logprobs_in,
    object_in,
    objects_in,
    text_in,
    understood,
)
from xinference_magics.wire.text_calls import (
    TextCall,
    ToolCallSplitter,
    as_json,
    beyond_repair,
    is_object,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_core.messages import ToolCallChunk

    from xinference_magics.wire.request import ChatRequest


_BEYOND_BLOCKS = 1000
"""A number that no text of an answer has: langchain-core counts them from 0."""


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Give a whole answer the form of a stream's only chunk, for servers that stream no tools."""
    choices = [
        {**each, "delta": _numbered(object_in(each, "message"))}
        for each in objects_in(answer, "choices")
    ]
    return {**answer, "choices": choices}


def _numbered(message: Mapping[str, Any]) -> dict[str, Any]:
    calls = enumerate(objects_in(message, "tool_calls"))
    return {**message, "tool_calls": [{"index": number, **call} for number, call in calls]}


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
        self._calls = _Calls(_BEYOND_BLOCKS if in_blocks else 0)
        self.called = self._calls.names
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
        if finish := text_in(choice, "finish_reason"):
            self._finish = self._finish or finish
            self._note(data)
        delta = object_in(choice, "delta")
        thought, text = self._parts(delta)
        calls = self._calls.deltas(objects_in(delta, "tool_calls"))
        if self._tags and text:
            text, in_text = self._tags.feed(text)
            calls += map(self._calls.whole, in_text)
        return self._chunk(text, thought, calls, logprobs_in(choice))

    def end(self) -> ChatGenerationChunk:
        """Return the last chunk.

        Raises:
            StreamError: The server never said that the answer was complete.
            ServerError: What it said of it has another form than it has to have.
        """
        if self._finish is None:
            raise self._request.broken_off()
        with self._understood:
            return self._last(self._finish)

    def _last(self, finish: str) -> ChatGenerationChunk:
        text, thought, calls = self._held_back()
        if self._calls.in_text and finish == "stop":
            finish = "tool_calls"
        answered = self._answered or text or calls or self._calls.any
        if not answered and finish == "stop":
            # An answer without a thought, or one whose engine calls all of it a thought.
            text = "".join(self._thoughts)
        metadata = response_metadata(self._request, finish, self._beside)
        usage = object_in(self._beside, "usage")
        message = AIMessageChunk(
            content=text,
            additional_kwargs={"reasoning_content": thought} if thought else {},
            tool_call_chunks=calls,
            usage_metadata=usage_metadata(usage) if usage else None,
            response_metadata=metadata,
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message, generation_info={"finish_reason": finish})

    def _note(self, data: Mapping[str, Any]) -> None:
        """Remember what stands beside the choices; usage that comes again is the same."""
        self._beside |= {name: value for name, value in data.items() if value is not None}

    def _parts(self, delta: Mapping[str, Any]) -> tuple[str, str]:
        """Return thought and answer; the engine's own division counts before tags."""
        text = text_in(delta, "content")
        thought = text_in(delta, "reasoning_content") or text_in(delta, "reasoning")
        if thought:
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
        if thought:
            self._thoughts.append(thought)
        calls: list[ToolCallChunk] = []
        if self._tags:
            before, whole = self._tags.feed(text)
            text, torn = self._tags.end()
            text = before + text
            calls += map(self._calls.whole, whole + torn)
        return text, thought, calls + self._calls.torn(self._finish)


class _Calls:
    """The tool calls of a stream, gathered to see in the end which of them were torn.

    Args:
        first: The number of the first one.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._arguments: dict[int, list[str]] = {}
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
        function = object_in(raw, "function")
        arguments = as_json(function.get("arguments") or "")
        name = text_in(function, "name") or None
        if name:
            self.names.add(name)
        index = raw.get("index")
        index = self._first + (len(self._arguments) if index is None else int(index))
        self._arguments.setdefault(index, []).append(arguments)
        return tool_call_chunk(
            name=name, args=arguments, id=text_in(raw, "id") or None, index=index
        )

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
            if not is_object(arguments) or (cut and not arguments)
        ]
