"""What is said about an answer beside its text: token usage and response metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from xinference_magics.wire.shapes import object_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xinference_magics.wire.request import Request

PROVIDER = "xinference"


def usage_metadata(usage: Mapping[str, Any]) -> UsageMetadata:
    """Translate OpenAI's usage object; cached and reasoning tokens where they are given."""
    read, written = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    result = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=usage.get("total_tokens") or read + written,
    )
    cached = object_in(usage, "prompt_tokens_details").get("cached_tokens")
    if cached is not None:
        result["input_token_details"] = InputTokenDetails(cache_read=cached)
    thought = object_in(usage, "completion_tokens_details").get("reasoning_tokens")
    if thought is not None:
        result["output_token_details"] = OutputTokenDetails(reasoning=thought)
    return result


def response_metadata(
    request: Request, finish_reason: str | None, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the metadata of an answer; `data` is what the server sent beside the choices.

    The model's name is its UID: llama.cpp reports a path on the server's disk.
    """
    extras = {
        name: data[name] for name in ("system_fingerprint", "timings") if data.get(name) is not None
    }
    return {
        "model_name": request.model_uid,
        "model_provider": PROVIDER,
        "finish_reason": finish_reason,
        "request_id": request.request_id,
        **extras,
    }
