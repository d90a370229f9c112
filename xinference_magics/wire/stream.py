"""A streamed answer, chunk by chunk -> ChatGenerationChunk.

Engines stream differently. transformers sends its usage twice and a second, wrong finish
reason, repeats the role, and leaves tool calls in the text; llama.cpp sends its usage in a
chunk without choices, and `content: null` while it reasons. The result is always the same: text,
reasoning and tool calls as they arrive, then one last chunk with usage and finish reason. An answer
that had to be requested whole becomes a chunk, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from xinference_magics.errors import ServerError
from xinference_magics.wire.calls.splitter import CUT_OFF, ToolCallSplitter
from xinference_magics.wire.engines import LLAMA_CPP, TRANSFORMERS
from xinference_magics.wire.forced_calls import ForcedCalls
from xinference_magics.wire.metadata import REFUSAL, response_metadata, usage_in
from xinference_magics.wire.native_calls import id_in
from xinference_magics.wire.reasoning import ReasoningSplitter
from xinference_magics.wire.shapes import (
    DONE,
    Characters,
    MalformedError,
    calls_in,
    content_in,
    finish_in,
    logprobs_in,
    message_in,
    object_in,
    objects_in,
    raw_text_in,
    refusal_in,
    understood,
    whole_characters,
)
from xinference_magics.wire.streamed_calls import StreamedCalls, joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import ToolCallChunk

    from xinference_magics.wire.request import ChatRequest


def as_chunk(answer: Mapping[str, Any], request: ChatRequest) -> dict[str, Any]:
    """Convert the non-streamed answer to `request` to a stream's only chunk.

    A non-streamed answer is complete, whether or not it has a finish reason.

    Raises:
        ServerError: The answer has an unexpected format.
    """
    with understood(request.model_uid, request.request_id):
        return _as_chunk(answer)


def _as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    choices = [
        {
            **each,
            "delta": _numbered(message_in(each)),
            "finish_reason": each.get("finish_reason") or "stop",
        }
        for each in objects_in(answer, "choices")
    ]
    return {**answer, "choices": choices}


_WORDS = ("content", "refusal", "reasoning_content", "reasoning", "tool_calls")


def has_words(chunk: Mapping[str, Any]) -> bool:
    """Return whether a stream's chunk contains any output, which begins the answer."""
    match chunk:
        case {"choices": [{"delta": {**said}} | {"message": {**said}}, *_]} if said:
            return any(said.get(name) for name in _WORDS)
        case {"choices": [{"text": text}, *_]}:
            return bool(text)
    return False


def _without_delta(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a choice says elsewhere: a whole message's calls have no numbers of their own."""
    said = message_in(choice)
    calls = calls_in(said) if said.get("tool_calls") else []
    return said if not calls or any("index" in each for each in calls) else _numbered(said)


def _numbered(message: Mapping[str, Any]) -> dict[str, Any]:
    """Number complete calls and drop repeated ids, because streams distinguish calls by these."""
    ids: set[str | None] = set()
    calls = []
    for number, call in enumerate(calls_in(message)):
        given = id_in(call)
        calls.append({**call, "index": number, "id": None if given in ids else given})
        ids.add(given)
    return {**message, "tool_calls": calls}


_BEYOND_BLOCKS = 1000
"""An index that no text block of an answer has: langchain-core counts them from 0."""


class StreamConverter:
    """Convert one stream: `feed` each chunk in turn, then call `end` once.

    Args:
        request: The request that is answered.
        in_blocks: Whether langchain-core will make numbered blocks of the chunks
            (`output_version="v1"`). It merges all blocks with the same index, even a call into
            a text, so calls then start at another index.
    """

    def __init__(self, request: ChatRequest, *, in_blocks: bool = False) -> None:
        self._request = request
        self._understood = understood(request.model_uid, request.request_id)
        self._reasoning = ReasoningSplitter(
            prefilled=request.think_prefilled, forced=request.forced is not None
        )
        self._tags = ToolCallSplitter(request.tools) if request.tools else None
        self._forced = ForcedCalls(request.tools) if request.forced else None
        self._calls = StreamedCalls(_BEYOND_BLOCKS if in_blocks else 0, request.tools)
        self.called = self._calls.names
        self._text, self._thought = Characters(), Characters()
        self._thoughts: list[str] = []
        self._refusal: list[str] = []
        self._may_misplace = request.engine in (LLAMA_CPP, None)
        self._of_its_own = False
        self._answered = False  # in words
        self._whole = False  # whether it was requested whole
        self._finish: str | None = None
        self._beside: dict[str, Any] = {}

    def feed(self, data: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Convert a chunk from the server; return None if there is nothing to pass on yet.

        Raises:
            ServerError: The chunk has an unexpected format.
        """
        try:  # without entering a context for each chunk, which costs time
            return self._read(data)
        except (MalformedError, ServerError):
            with self._understood:
                raise

    def _read(self, data: Mapping[str, Any]) -> ChatGenerationChunk | None:
        choices = objects_in(data, "choices")
        if not choices:
            self._note(data)
            return None
        choice = choices[0]
        self._whole = self._whole or "message" in choice
        if choice.get("finish_reason") and (finish := finish_in(choice)):
            self._finish = self._finish or finish
            self._note(data)
        elif DONE in data:  # a whole answer, which is complete without a reason, too
            self._note(data)
        delta = object_in(choice, "delta") or _without_delta(choice)
        thought, text = self._parts(delta)
        calls: list[ToolCallChunk] = []
        if self._forced and text:
            text, pieces = self._forced.feed(text)
            calls += self._calls.read(pieces)
        if self._tags and text:
            text, in_text = self._tags.feed(text)
            calls += map(self._calls.whole, in_text)
        if delta.get("tool_calls"):
            calls += self._calls.deltas(native := calls_in(delta))
            if self._tags and native:
                self._tags.engine_called()
        if len(calls) > 1:
            calls = joined(calls)
        return self._chunk(text, thought, calls, logprobs_in(choice))

    @property
    def swallowed(self) -> bool:
        """Whether the answer ended properly but contained nothing usable.

        vLLM's parsers drop a call in a form that they do not know, or send only its name or a part
        of its tag. Reasoning may precede it; without a call, that is the answer only of llama.cpp,
        or of a request for the whole answer.
        """
        if not self._tags or self._answered or self._finish not in ("stop", "tool_calls"):
            return False
        if self._calls.any:
            return self._calls.lost and not self._thoughts
        if self._thoughts:
            return not self._whole and self._request.engine not in (LLAMA_CPP, None)
        usage = usage_in(self._beside)
        return usage is not None and usage["output_tokens"] > 1  # the end token counts as one

    @property
    def lost_call(self) -> bool:
        """Whether the engine lost a call at the end of the answer, of which a torn tag was left."""
        return self._tags is not None and self._tags.lost

    def end(self) -> ChatGenerationChunk:
        """Return the last chunk.

        Raises:
            StreamError: The server never reported the answer as complete.
        """
        if self._finish is None and not self._beside.get(DONE):
            raise self._request.broken_off()
        return self._last(self._finish or "stop")

    def _last(self, finish: str) -> ChatGenerationChunk:
        text, thought, calls = self._held_back()
        if finish == "stop" and (self._calls.in_text or (self._calls.any and not self._finish)):
            finish = "tool_calls"
        answered = self._answered or text or calls or self._calls.any
        self._answered = self._answered or self._has_words(text)
        if not answered and finish == "stop":
            # Either there was no reasoning, or the engine sent the whole answer as reasoning.
            text = "".join(self._thoughts)
        metadata = response_metadata(self._request, finish, self._beside)
        if refusal := whole_characters("".join(self._refusal)):
            metadata[REFUSAL] = refusal
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
        """Remember what is sent besides the choices; repeated usage is identical."""
        self._beside |= {name: value for name, value in data.items() if value is not None}

    def _parts(self, delta: Mapping[str, Any]) -> tuple[str, str]:
        """Return the reasoning and the answer; the engine's own separation overrides tags."""
        in_blocks, text = content_in(delta)
        if "refusal" in delta or delta.get("content").__class__ in (list, dict):
            self._refusal.append(refusal_in(delta))
        text, before = self._text.feed(text), ""
        thought = raw_text_in(delta, "reasoning_content") or raw_text_in(delta, "reasoning")
        if thought := self._thought.feed(thought or in_blocks):
            if self._request.without_thinking:
                return "", thought + text
            if self._misplaced(delta):
                return self._reasoning.text(thought)
            thought, before = self._reasoning.thought(thought)
        if self._reasoning.settled or not text:
            return thought, before + text
        more, text = self._reasoning.text(text)
        return thought + more, before + text

    def _misplaced(self, delta: Mapping[str, Any]) -> bool:
        """Return whether what `delta` labels as reasoning is the answer.

        Launched with a reasoning parser, a llama.cpp model has two: the engine's own, which sends
        reasoning without `content`, and then Xinference's, which mistakes the answer that the
        first one leaves for reasoning. Its deltas also contain a `content` of null.
        """
        alone = "content" not in delta
        self._of_its_own = self._of_its_own or alone
        return self._may_misplace and self._of_its_own and not alone

    def _chunk(
        self, text: str, thought: str, calls: list[ToolCallChunk], logprobs: Any
    ) -> ChatGenerationChunk | None:
        beside: dict[str, Any] = {}
        self._answered = self._answered or self._has_words(text)
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

    def _has_words(self, text: str) -> bool:
        """Return whether a piece of the answer is more than whitespace or part of a tag."""
        words = text.strip()
        return bool(words) and not (self._tags and self._tags.is_torn(words))

    @property
    def _is_lossy(self) -> bool:
        """Whether the engine may have lost a call, as vLLM's parsers do in a stream."""
        return not self._whole and self._request.engine not in (LLAMA_CPP, TRANSFORMERS)

    def _held_back(self) -> tuple[str, str, list[ToolCallChunk]]:
        """Return the text, reasoning and calls held back for what might have followed."""
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
            text, torn = self._tags.end(cut=self._finish in CUT_OFF, lossy=self._is_lossy)
            text = before + text
            calls += map(self._calls.whole, whole + torn)
        calls += self._calls.held_back()
        return text, thought, joined(calls + self._calls.torn(self._finish))
