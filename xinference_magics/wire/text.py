"""A text completion, whole or chunk by chunk -> langchain-core's generations.

The format is that of ``/v1/completions``: llama.cpp sends its usage in the last chunk, and
transformers sends it twice, the second time with a finish reason of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.outputs import Generation, GenerationChunk

from xinference_magics.errors import ServerError
from xinference_magics.wire.metadata import response_metadata, usage_in
from xinference_magics.wire.shapes import (
    DONE,
    Characters,
    content_in,
    finish_in,
    logprobs_in,
    message_in,
    objects_in,
    raw_text_in,
    says_nothing,
    understood,
    whole_characters,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.wire.request import Request


def to_generation(data: Mapping[str, Any], request: Request) -> Generation:
    """Convert a server's answer to a Generation.

    Raises:
        ServerError: The answer has no text or an unexpected format.
    """
    with understood(request.model_uid, request.request_id):
        choices = objects_in(data, "choices")
        if not choices or says_nothing(choices[0]):
            raise ServerError(f"{request.model_uid} sent an answer without a text.")
        choice = choices[0]
        info = _info(request, finish_in(choice) or None, data)
        if logprobs := logprobs_in(choice):
            info["logprobs"] = logprobs
        return Generation(text=whole_characters(_text(choice)), generation_info=info)


def _text(choice: Mapping[str, Any]) -> str:
    """Return the text of a choice; some servers send a chat's message or delta instead."""
    return raw_text_in(choice, "text") or content_in(message_in(choice))[1]


class TextStreamConverter:
    """Convert one stream: `feed` each chunk in turn, then call `end` once."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._understood = understood(request.model_uid, request.request_id)
        self._finish: str | None = None
        self._beside: dict[str, Any] = {}
        self._characters = Characters()

    def feed(self, data: Mapping[str, Any]) -> GenerationChunk | None:
        """Convert a chunk from the server; return None if there is nothing to pass on yet.

        Raises:
            ServerError: The chunk has an unexpected format.
        """
        with self._understood:
            return self._read(data)

    def _read(self, data: Mapping[str, Any]) -> GenerationChunk | None:
        choices = objects_in(data, "choices")
        self._beside |= {name: value for name, value in data.items() if value is not None}
        if not choices:
            return None
        text = self._characters.feed(_text(choices[0]))
        logprobs = logprobs_in(choices[0])
        self._finish = self._finish or finish_in(choices[0]) or None
        if not text and not logprobs:
            return None
        info = {"logprobs": logprobs} if logprobs else None
        return GenerationChunk(text=text, generation_info=info)

    def end(self) -> GenerationChunk:
        """Return the last chunk, whose text is empty unless half a character was held back.

        Raises:
            StreamError: The server never reported the answer as complete.
        """
        if self._finish is None and not self._beside.get(DONE):
            raise self._request.broken_off()
        info = _info(self._request, self._finish or "stop", self._beside)
        return GenerationChunk(text=self._characters.end(), generation_info=info)


def _info(request: Request, finish: str | None, data: Mapping[str, Any]) -> dict[str, Any]:
    info = response_metadata(request, finish, data)
    if usage := usage_in(data):
        info["usage_metadata"] = usage
    return info
