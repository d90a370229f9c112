"""What accompanies an answer's text: token usage and response metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from xinference_magics.wire.shapes import whole_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.wire.request import Request

PROVIDER = "xinference"
REFUSAL = "refusal"
"""The key of the words with which a model refused, in a message of OpenAI and in the metadata."""

_MAX_COUNT = 2**53
"""More tokens than any answer has; every integer below it is also exact as a float."""


def usage_in(data: Mapping[str, Any]) -> UsageMetadata | None:
    """Return OpenAI's usage, with cached and reasoning tokens if given.

    A bad count must not lose the answer: -1, which engines send for tokens that they did not
    count, and anything else that isn't a count make the usage None.
    """
    usage = _object(data.get("usage"))
    given = [usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    read, written, total = map(_count, given)
    counted = read is not None or written is not None
    if not counted or any(_count(each) is None for each in given if each is not None):
        return None
    result = UsageMetadata(
        input_tokens=read or 0,
        output_tokens=written or 0,
        total_tokens=total or (read or 0) + (written or 0),
    )
    cached = _count(_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    if cached is not None:
        result["input_token_details"] = InputTokenDetails(cache_read=cached)
    thought = _count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    if thought is not None:
        result["output_token_details"] = OutputTokenDetails(reasoning=thought)
    return result


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    """Return `value` as a number of tokens, or None if it isn't one."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or isinstance(value, bool) or not 0 <= value < _MAX_COUNT:
        return None
    return int(value)


def response_metadata(
    request: Request, finish_reason: str | None, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the metadata of an answer; `data` is what the server sent besides the choices.

    The model's name is its UID, because llama.cpp reports a path on the server's disk.
    """
    extras = {
        name: whole_values(data[name])
        for name in ("system_fingerprint", "timings")
        if data.get(name) is not None
    }
    return {
        "model_name": request.model_uid,
        "model_provider": PROVIDER,
        "finish_reason": finish_reason,
        "request_id": request.request_id,
        **extras,
    }
