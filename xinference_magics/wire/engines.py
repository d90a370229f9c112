"""Request options that engines ignore, so that users can be warned about them.

Observed on Xinference 4.1; an engine that is not listed here is trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from xinference_magics.wire.request import ChatRequest, Request

LLAMA_CPP = "llama.cpp"
TRANSFORMERS = "transformers"
VLLM = "vllm"
SGLANG = "sglang"
MLX = "mlx"


FOLLOW_A_SCHEMA = (LLAMA_CPP, VLLM, SGLANG)
"""Engines that make an answer follow a JSON schema; SGLang according to its documentation."""

Method = Literal["function_calling", "json_schema", "json_mode"]
"""How structured output is requested: by a forced tool call, a schema, or only valid JSON."""

_IGNORED: dict[str | None, dict[str, tuple[Any, ...]]] = {
    TRANSFORMERS: {
        "seed": (),
        "logprobs": (False,),
        "top_logprobs": (),
        "response_format": (),
        "frequency_penalty": (0,),
        "presence_penalty": (0,),
        "ignore_eos": (False,),
        "parallel_tool_calls": (True,),
        "lora_name": (),  # it uses the first adapter of the launch
    },
    LLAMA_CPP: {"repetition_penalty": (1,), "parallel_tool_calls": (True,), "lora_name": ()},
    VLLM: {"ignore_eos": (False,)},
}
"""What each engine ignores, with the values that request nothing; a seed of 0 counts as set."""

_ONLY_IN_CHATS = {"ignore_eos"}  # the family's stop strings still end a chat answer


def ignored_options(request: Request) -> Iterator[str]:
    """Yield a sentence for each option in `request` that has no effect."""
    engine, body = request.engine, request.body
    for name, harmless in _IGNORED.get(engine, {}).items():
        if name in _ONLY_IN_CHATS and "messages" not in body:
            continue
        if not _is_harmless(body.get(name), harmless):
            shown = "parallel_tool_calls=False" if name == "parallel_tool_calls" else name
            yield f"The {engine} engine ignores {shown}.{_instead(name)}"
    if engine == LLAMA_CPP and response_form(body).get("type") == "json_object":
        yield 'The llama.cpp engine ignores "json_object".{}'.format(_instead("json_object"))


def may_be_ignored(options: Mapping[str, Any]) -> bool:
    """Return whether some engine ignores one of the options of a request."""
    return any(
        not _is_harmless(options.get(name), harmless)
        for ignored in _IGNORED.values()
        for name, harmless in ignored.items()
    )


def _is_harmless(value: Any, harmless: tuple[Any, ...]) -> bool:
    return value is None or any(value is each or value == each for each in harmless)


def ignored_in_chat(request: ChatRequest) -> Iterator[str]:
    """Yield the sentences that apply only to a chat request, in addition to `ignored_options`."""
    yield from request.said
    if request.thinks is False and request.body.get("enable_thinking"):
        option = Remedy.PARAMETER(field="enable_thinking")
        yield f"{request.model_uid} is not listed as a reasoning model: {option} has no effect."
    if request.forced and request.forced.unthinking:
        yield f"{request.model_uid} does not reason when a tool call is forced."


def omits_reasoning(request: ChatRequest) -> bool:
    """Return whether the answer to `request` would lack the reasoning, unless it is streamed.

    The server omits it from llama.cpp's non-streamed answers.

    Args:
        request: A request for a non-streamed answer.
    """
    if request.engine not in (LLAMA_CPP, None):
        return False
    asked = request.body.get("enable_thinking")
    return bool(request.thinks if asked is None else asked)


def response_form(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the response format of a request; `extra_body` may have sent anything as it."""
    form = body.get("response_format")
    return form if isinstance(form, dict) else {}


def _instead(name: str) -> str:
    return {
        "response_format": ' For structured output, use method="function_calling" there.',
        "json_object": ' For structured output, use method="json_schema" there.',
    }.get(name, "")


def tool_choice_violation(request: ChatRequest, called: Collection[str | None]) -> str | None:
    """Return a sentence if the model did not follow `tool_choice`, or None if it did."""
    choice = request.choice
    if choice == "required" and not called:
        wanted = "called no tool though tool_choice requires one"
    elif (name := named(choice)) and name not in called:
        wanted = f"did not call {name} though tool_choice requires it"
    else:
        return None
    unenforced = request.engine and not request.forced
    engine = f"; the {request.engine} engine does not enforce it" if unenforced else ""
    return f"{request.model_uid} {wanted}{engine}."


def named(choice: object) -> str | None:
    """Return the tool that a choice names; one from `extra_body` may have any form."""
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None
