"""Responses as the engines of Xinference 4.1 send them: streams chunk by chunk, and whole.

Ids and times are omitted if nothing reads them. `llama` is the llama.cpp engine.
"""

from __future__ import annotations

import json
from typing import Any

LLAMA_PATH = "/home/user/.xinference/cache/v2/tiny-ggufv2-0_1b-f16"
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
    """A text stream of the transformers engine: usage twice, and a wrong second finish reason."""
    texts = [chunk({"content": piece}, usage=None) for piece in pieces]
    if texts:  # the role is repeated about every eight chunks
        texts[-1]["choices"][0]["delta"]["role"] = "assistant"
    return [
        chunk({"role": "assistant", "content": ""}),
        *texts,
        chunk({"content": ""}, finish, usage=USAGE),
        chunk({}, "stop", usage=USAGE),
    ]


def llama(*deltas: dict[str, Any] | str, finish: str = "stop") -> list[dict[str, Any]]:
    """A stream of llama.cpp: the model is a path, and the usage chunk has no choices."""
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
    """A response that is not streamed."""
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
    """A chunk of a text completion."""
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
    return {"object": "text_completion", "model": LLAMA_PATH, "choices": [choice], **beside}


def llama_text(*pieces: str, finish: str = "stop") -> list[dict[str, Any]]:
    """A text completion stream of llama.cpp."""
    pieces_sent = [text_chunk(piece) for piece in pieces]
    return [*pieces_sent, text_chunk("", finish, usage=USAGE, timings={"predicted_n": 12})]


def transformers_text(*pieces: str, finish: str = "stop") -> list[dict[str, Any]]:
    """A text completion stream of transformers: usage on every chunk, and again without choices."""
    sent = [text_chunk(piece, usage=USAGE) for piece in pieces]
    end = text_chunk("", finish, usage=USAGE)
    return [text_chunk(""), *sent, end, {**end, "choices": []}]


def whole_text(text: str, finish: str = "stop", **beside: Any) -> dict[str, Any]:
    """A text completion that is not streamed."""
    return text_chunk(text, finish, usage=USAGE, **beside)


def vectors(*values: Any) -> dict[str, Any]:
    """The response of an embedding model."""
    data = [
        {"index": index, "object": "embedding", "embedding": value}
        for index, value in enumerate(values)
    ]
    return {"object": "list", "model": "tiny", "data": data}


def scores(*pairs: tuple[int, float]) -> dict[str, Any]:
    """The response of a rerank model: (index, score) pairs in the order sent."""
    results = [
        {"index": index, "relevance_score": score, "document": None} for index, score in pairs
    ]
    return {"id": "rerank-1", "results": results, "meta": {"tokens": None}}


def events(*chunks: dict[str, Any], end: str = "\r\n", done: bool = True) -> bytes:
    """Encode the chunks for the wire; Xinference ends lines with CRLF, vLLM with LF."""
    data = [json.dumps(each, ensure_ascii=False) for each in chunks] + ["[DONE]"] * done
    return "".join(f"data: {each}{end}{end}" for each in data).encode()


def vllm_call(arguments: str | None, name: str | None = None) -> dict[str, Any]:
    """A piece of a tool call; only the first has an id and a name."""
    if name is None:
        return {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"id": "call0", "type": "function", "index": 0, "function": function}]}


def vllm(*deltas: dict[str, Any] | str, finish: str = "stop") -> list[dict[str, Any]]:
    """A stream of vLLM or SGLang: the role alone, usage on every chunk, then usage alone."""
    running = {**USAGE, "completion_tokens": 1, "total_tokens": 25}
    texts = [{"content": delta} if isinstance(delta, str) else delta for delta in deltas]
    usage = {**chunk({}), "choices": [], "usage": USAGE}
    return [
        chunk({"role": "assistant"}, usage=running),
        *(chunk(delta, usage=running) for delta in texts),
        chunk({"content": "", "reasoning_content": None}, finish, usage=USAGE),
        usage,
    ]


_ADD = '{"a": 1, "b": "ü"}'
_TAGGED = f'<tool_call>\n{{"name": "add", "arguments": {_ADD}}}\n</tool_call>'
_SAID = {"text": "Grüße, 世界 😀!", "thought": "", "calls": [], "finish": "stop"}
_CALLED = {
    "text": "",
    "thought": "",
    "calls": [("add", {"a": 1, "b": "ü"})],
    "finish": "tool_calls",
}

SHAPES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "transformers": (events(*transformers("Grüße, ", "世界", " 😀!")), _SAID),
    "transformers, cut": (
        events(*transformers("Grüße", finish="length")),
        {**_SAID, "text": "Grüße", "finish": "length"},
    ),
    "transformers, thinking in tags": (
        events(*transformers("<thi", "nk>\nIch ", "überlege.\n</", "think>\n\n", "Ja.")),
        {**_SAID, "thought": "Ich überlege.", "text": "Ja."},
    ),
    "transformers, tools": (
        events(*transformers("Gut.\n", _TAGGED[:30], _TAGGED[30:])),
        {
            **_CALLED,
            "text": "Gut.",
        },
    ),
    "llama.cpp": (events(*llama("Grüße, ", "世界", " 😀!")), _SAID),
    "llama.cpp, thinking": (
        events(*llama(thought("Ich "), thought("überlege."), said("Ja."))),
        {**_SAID, "thought": "Ich überlege.", "text": "Ja."},
    ),
    "llama.cpp, thinking, launched with a reasoning parser": (
        events(
            *llama(
                {"reasoning_content": "Ich "},
                {"reasoning_content": "überlege."},
                {"reasoning_content": "\n"},
                thought("Ja"),
                thought("."),
            )
        ),
        {**_SAID, "thought": "Ich überlege.", "text": "Ja."},
    ),
    "llama.cpp, tools": (
        events(
            *llama(
                call_begin("add"),
                call_more('"a": 1, "b": '),
                call_more('"ü"}'),
                finish="tool_calls",
            )
        ),
        _CALLED,
    ),
    "vLLM": (events(*vllm("Grüße, ", "世界", " 😀!"), end="\n"), _SAID),
    "vLLM, thinking": (
        b": ping\n\n"
        + events(*vllm({"reasoning": "Ich "}, {"reasoning_content": "überlege."}, "Ja."), end="\n"),
        {**_SAID, "thought": "Ich überlege.", "text": "Ja."},
    ),
    "vLLM, tools": (
        events(
            *vllm(
                vllm_call("", "add"),
                vllm_call(_ADD[:9]),
                vllm_call(_ADD[9:]),
                vllm_call(""),
                finish="tool_calls",
            ),
            end="\n",
        ),
        _CALLED,
    ),
    "vLLM, tools with an empty end": (
        events(
            *vllm(vllm_call(_ADD, "add"), vllm_call(None), {"tool_calls": []}, finish="tool_calls"),
            end="\n",
            done=False,
        ),
        _CALLED,
    ),
}
"""The bytes on the wire, by server, and the expected result."""

BROKEN: dict[str, tuple[bytes, str]] = {
    "an error event": (
        events(*transformers("Grüße")[:2], {"error": FAILED}, done=False),
        "failed while answering",
    ),
    "an error event at the beginning": (
        events({"error": "Rate limit reached"}, done=False),
        "Rate limit reached",
    ),
    "vLLM's error event": (
        events(*vllm("Grüße")[:2], {"error": {"message": "out of memory", "code": 500}}, end="\n"),
        "tiny failed while answering: out of memory",
    ),
    "an end without [DONE]": (
        events(*llama("Grüße")[:2], done=False),
        "was cut off before its end",
    ),
    "an end before it began": (b"", "was cut off before its end"),
    "half a line": (
        events(*llama("Grüße")[:2], done=False) + b'data: {"choi',
        "a line of it cannot be parsed",
    ),
}
"""Streams that do not end properly, and the expected error message."""
