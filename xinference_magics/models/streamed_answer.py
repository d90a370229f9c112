"""A streamed answer that may need a non-streaming request: code shared by sync and async reading.

Some servers cannot stream when tools are offered, and some lose a tool call when they do.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import ServerError
from xinference_magics.models.text_model import warn_if_choice_unmet
from xinference_magics.transport.features import streams_no_tools
from xinference_magics.wire.stream import StreamConverter, as_chunk, has_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.outputs import ChatGenerationChunk

    from xinference_magics.wire.request import ChatRequest


class StreamedAnswer:
    """Converts one answer: `feed` each chunk, then `end`; if `needs_whole`, use `whole` as well.

    Args:
        request: The request that was sent.
        in_blocks: See `StreamConverter`.
    """

    def __init__(self, request: ChatRequest, *, in_blocks: bool) -> None:
        self._request = request
        self._new_converter = partial(StreamConverter, request, in_blocks=in_blocks)
        self._converter = self._new_converter()
        self._begun = self._reasoned = False
        self.needs_whole = False

    def feed(self, data: dict[str, Any]) -> ChatGenerationChunk | None:
        """Convert a chunk as the server sent it; return None if there is nothing to pass on yet.

        Raises:
            ServerError: The chunk is malformed.
        """
        self._begun = self._begun or has_words(data)
        chunk = self._converter.feed(data)
        if chunk is not None and not self._reasoned:
            self._reasoned = "reasoning_content" in chunk.message.additional_kwargs
        return chunk

    def failed(self, error: ServerError) -> None:
        """Record that the stream failed with `error`.

        Raises:
            ServerError: `error`, if a non-streaming request would not help.
        """
        if self._begun or not self._request.tools or not streams_no_tools(error):
            raise error
        self.needs_whole = True

    def end(self) -> Iterator[ChatGenerationChunk]:
        """Convert the end of the stream, unless a non-streaming request is needed.

        Raises:
            StreamError: The server never reported that the answer was complete.
            ServerError: The engine lost a call after text that was already passed on.
        """
        if not self.needs_whole:
            last = self._converter.end()
            self.needs_whole = self._converter.swallowed
            if not self.needs_whole:
                yield from self._ended(last)
                if self._converter.lost_call:
                    raise self._lost("the engine lost the tool call at the end of its answer")

    def _ended(self, last: ChatGenerationChunk) -> Iterator[ChatGenerationChunk]:
        yield last
        warn_if_choice_unmet(self._request, self._converter.called, last.message.response_metadata)

    def whole(self, answer: dict[str, Any]) -> Iterator[ChatGenerationChunk]:
        """Convert the response to the non-streaming request.

        Raises:
            ServerError: It is empty too, or malformed.
        """
        self._converter, self.needs_whole = self._new_converter(), False
        reasoned = self._reasoned
        chunk = self.feed(as_chunk(answer, self._request))
        if chunk is not None:
            if reasoned:  # the stream has already passed its own reasoning on
                chunk.message.additional_kwargs.pop("reasoning_content", None)
            yield chunk
        last = self._converter.end()
        if self._converter.swallowed and not self._converter.called:
            raise self._lost("the engine returned none")
        yield from self._ended(last)

    def _lost(self, what: str) -> ServerError:
        return ServerError(
            f"{self._request.model_uid} generated tokens, but {what}.",
            request_id=self._request.request_id,
            hint="It was probably a malformed tool call; try again, or use another model.",
        )
