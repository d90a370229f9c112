"""Answers as the engines of Xinference 4.1 send them: streams chunk by chunk, and whole.

Ids and times are left out where nothing reads them. `llama` is the llama.cpp engine.
"""

from __future__ import annotations

from typing import Any

LLAMA_PATH = "/root/.xinference/cache/v2/tiny-ggufv2-0_1b-f16"
USAGE = {"prompt_tokens": 24, "completion_tokens": 12, "total_tokens": 36}
FAILED = "The chat completion request failed. Check the server logs for details."


def chunk(delta: dict[str, Any], finish: str | None = None, **beside: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    return {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 1795342762,
        "model": "tiny",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **beside,
    }


def transformers(*pieces: str, finish: str = "stop") -> list[dict[str, Any]]:
    """A text stream of the transformers engine: usage twice, the second finish reason wrong."""
    texts = [chunk({"content": piece}, usage=None) for piece in pieces]
    if texts:  # the role comes again about every eight chunks
        texts[-1]["choices"][0]["delta"]["role"] = "assistant"
    return [
        chunk({"role": "assistant", "content": ""}),
        *texts,
        chunk({"content": ""}, finish, usage=USAGE),
        chunk({}, "stop", usage=USAGE),
    ]


def llama(*deltas: dict[str, Any] | str, finish: str = "stop") -> list[dict[str, Any]]:
    """A stream of llama.cpp: the model is a path, the usage has no choices beside it."""
    named = {"model": LLAMA_PATH, "system_fingerprint": "b1-xllamacpp"}
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 20}}
    return [
        chunk({"role": "assistant", "content": None}, **named),
        *(
            chunk({"content": delta} if isinstance(delta, str) else delta, **named)
            for delta in deltas
        ),
        chunk({"content": ""}, finish, timings={"predicted_per_second": 61.5}, **named),
        {**chunk({}, **named), "choices": [], "usage": usage},
    ]


def thought(text: str) -> dict[str, Any]:
    return {"reasoning_content": text, "content": None}


def said(text: str) -> dict[str, Any]:
    return {"reasoning_content": None, "content": text}


def call_begin(name: str, index: int = 0, arguments: str = "{") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    call = {"index": index, "id": f"call{index}", "type": "function", "function": function}
    return {"tool_calls": [call]}


def call_more(arguments: str, index: int = 0) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def whole(message: dict[str, Any], finish: str = "stop", **beside: Any) -> dict[str, Any]:
    """An answer that is not streamed."""
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1795342762,
        "model": LLAMA_PATH,
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        ],
        "usage": USAGE,
        **beside,
    }


def text_chunk(text: str, finish: str | None = None, **beside: Any) -> dict[str, Any]:
    """A chunk of a continued text."""
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
    return {"object": "text_completion", "model": LLAMA_PATH, "choices": [choice], **beside}


def llama_text(*pieces: str, finish: str = "stop") -> list[dict[str, Any]]:
    """A continued text of llama.cpp."""
    pieces_sent = [text_chunk(piece) for piece in pieces]
    return [*pieces_sent, text_chunk("", finish, usage=USAGE, timings={"predicted_n": 12})]


def transformers_text(*pieces: str, finish: str = "stop") -> list[dict[str, Any]]:
    """A continued text of transformers: usage with every chunk, and once more without choices."""
    sent = [text_chunk(piece, usage=USAGE) for piece in pieces]
    end = text_chunk("", finish, usage=USAGE)
    return [text_chunk(""), *sent, end, {**end, "choices": []}]


def whole_text(text: str, finish: str = "stop", **beside: Any) -> dict[str, Any]:
    """A continued text that is not streamed."""
    return text_chunk(text, finish, usage=USAGE, **beside)


def vectors(*values: Any) -> dict[str, Any]:
    """The answer of an embedding model."""
    data = [
        {"index": index, "object": "embedding", "embedding": value}
        for index, value in enumerate(values)
    ]
    return {"object": "list", "model": "tiny", "data": data}


def scores(*pairs: tuple[int, float]) -> dict[str, Any]:
    """The answer of a rerank model: (index, score) in the order sent."""
    results = [
        {"index": index, "relevance_score": score, "document": None} for index, score in pairs
    ]
    return {"id": "rerank-1", "results": results, "meta": {"tokens": None}}
