"""Enforce a tool choice with a JSON schema, on engines that ignore the choice itself.

llama.cpp and vLLM ignore ``required`` and a tool's name, but enforce a schema, streamed or not
(seen on Xinference 4.1 with real models; SGLang according to its documentation). So the schema of
the allowed calls is sent as `response_format`, and `wire.forced_calls` reads the answer. llama.cpp
rejects a schema together with `tools`: there, the system message describes the tools, in the
wording of the model's own chat template if that is known. transformers and MLX enforce nothing:
there, the system message asks for the call (`told`), which a model of 0.5B follows far more often.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.engines import FOLLOW_A_SCHEMA, LLAMA_CPP, MLX, TRANSFORMERS, named
from xinference_magics.wire.grammar import call_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_CALLS = 8
"""The maximum number of calls in one answer, so that a weak model stops."""

_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""Stops llguidance, llama.cpp's grammar engine, from allowing whitespace up to the token limit."""

_QWEN = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>

{instruction}"""
"""From the built-in chat templates; Qwen2.5-Coder's own doubles the braces in the example."""

_OTHERS = "{instruction} Use the following tool definitions:\n{tools}"
"""The server's wording for ``/v1/messages``, from its tool_controls.py."""

_TOLD = (TRANSFORMERS, MLX)

_ASSISTANT = "You are a helpful assistant."
_QWEN_FAMILIES = {
    "qwen2.5-instruct": f"You are Qwen, created by Alibaba Cloud. {_ASSISTANT}",
    "dianjin-r1": f"You are Qwen, created by Alibaba Cloud. {_ASSISTANT}",
    "huatuogpt-o1-qwen2.5": f"You are Qwen, created by Alibaba Cloud. {_ASSISTANT}",
    "qwen2.5-coder-instruct": _ASSISTANT,
    "xiyansql-qwencoder-2504": _ASSISTANT,
    "vibethinker": _ASSISTANT,
    "qwq-32b": "",
    "qwen3": "",
    "qwen3-instruct": "",
    "qwen3-thinking": "",
    "qwen3-next-instruct": "",
    "qwen3-next-thinking": "",
    "qwen3-vl-instruct": "",
    "qwen3-vl-thinking": "",
    "qwen3-omni-instruct": "",
    "qwen3-omni-thinking": "",
    "baichuan-m2": "",
}
"""Families whose templates describe tools alike, with their default system prompts."""

_ALWAYS_REASONING = frozenset(
    {
        *("deepseek-prover-v2", "deepseek-r1", "deepseek-r1-0528", "deepseek-r1-0528-qwen3"),
        *("deepseek-r1-distill-llama", "deepseek-r1-distill-qwen", "glm-4.1v-thinking", "glm-4.5v"),
        *("glm-5", "glm-5.3", "gpt-oss", "kimi-k2.5", "kimi-k3", "minicpm-v-4.6-thinking"),
        *("minimax-m2", "minimax-m2.5", "minimax-m2.7", "qwen3-next-thinking"),
        *("qwen3-omni-thinking", "qwen3-thinking", "qwen3-vl-thinking", "qwen3.8-max", "qwq-32b"),
        *("seed-oss", "skywork-or1-preview"),
    }
)
"""Families that reason unasked on every engine: Xinference 4.1 does not list them as hybrid."""


@dataclass(frozen=True, slots=True)
class Forced:
    """What a request asks for that is not in its body.

    Attributes:
        tools: The tools offered to the model, as OpenAI dicts.
        choice: The tool choice, in the server's format.
        unthinking: Whether reasoning is turned off for it.
    """

    tools: list[dict[str, Any]]
    choice: dict[str, Any] | str
    unthinking: bool


def forced(
    body: Mapping[str, Any], engine: str | None, family: str | None, *, thinks: bool | None
) -> tuple[dict[str, Any], Forced] | None:
    """Return a body that makes the engine enforce the tool choice, or None if it cannot.

    Args:
        body: The body of a chat request.
        engine: The model's engine, in lower case.
        family: The model's family, as named in its description.
        thinks: Whether the model can reason; None if unknown.
    """
    choice: Any = body.get("tool_choice")
    tools = body.get("tools")
    name = named(choice)
    if engine not in FOLLOW_A_SCHEMA or not tools or "response_format" in body:
        return None
    if choice != "required" and name is None:
        return None
    functions = [tool for tool in tools if "function" in tool]
    allowed = [tool for tool in functions if name in (None, tool["function"]["name"])]
    if not allowed:
        return None
    many = name is None and body.get("parallel_tool_calls") is not False
    sent = _without(body, ("tool_choice", "parallel_tool_calls"))
    sent["response_format"] = _calls(allowed, engine, many=many)
    if engine == LLAMA_CPP:
        del sent["tools"]
        told, default = _described(allowed, family, many=many)
        sent["messages"] = _with_system(body["messages"], told, default)
    asked = body.get("enable_thinking")
    reasons = engine == LLAMA_CPP or (family or "").casefold() in _ALWAYS_REASONING
    unthinking = bool(asked or (asked is None and thinks and reasons))
    if unthinking:
        sent["enable_thinking"] = False
    return sent, Forced(tools, choice, unthinking)


def told(body: dict[str, Any], engine: str | None, family: str | None) -> dict[str, Any]:
    """Return a body that asks the model for a required call, if its engine can enforce none.

    The tools stay in the request, so the call may also come in the format of the model.

    Args:
        body: The body of a chat request.
        engine: The model's engine, in lower case.
        family: The model's family, as named in its description.
    """
    choice: Any = body.get("tool_choice")
    name = named(choice)
    if engine not in _TOLD or not body.get("tools") or not (choice == "required" or name):
        return body
    many = name is None and body.get("parallel_tool_calls") is not False
    default = _QWEN_FAMILIES.get((family or "").casefold(), "")
    messages = _with_system(body["messages"], _instruction(name, many=many), default)
    return {**body, "messages": messages}


def describes_tools(engine: str | None) -> bool:
    """Return whether the system message describes the tools when a call is forced."""
    return (engine or "").casefold() == LLAMA_CPP


def _without(body: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def _calls(tools: Sequence[Mapping[str, Any]], engine: str, *, many: bool) -> dict[str, Any]:
    """Return the `response_format` for a list of calls, or for a single one."""
    definitions: dict[str, Any] = {}
    each = [call_schema(tool["function"], f"tool_{n}", definitions) for n, tool in enumerate(tools)]
    schema: dict[str, Any] = each[0] if len(each) == 1 else {"anyOf": each}
    if many:
        schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": _MOST_CALLS}
    if definitions:
        schema["$defs"] = definitions
    if engine == LLAMA_CPP:
        schema["x-guidance"] = _SPACING
    form = {"name": "tool_calls", "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": form}


def _described(
    tools: Sequence[Mapping[str, Any]], family: str | None, *, many: bool
) -> tuple[str, str]:
    """Return the system message's text about the tools, and what to put before it in a new one."""
    instruction = _instruction(None, many=many)
    default = _QWEN_FAMILIES.get((family or "").casefold())
    if default is None:
        listed = json.dumps(tools, ensure_ascii=False)
        return _OTHERS.format(instruction=instruction, tools=listed), ""
    lines = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return _QWEN.format(instruction=instruction, tools=lines), default


def _instruction(name: str | None, *, many: bool) -> str:
    """Return the server's own words for ``/v1/messages``, with the tool's name if one is chosen."""
    if many:
        which, form = "the required tool(s)", "array of objects"
    else:
        which, form = f"the tool {name}" if name else "the required tool", "object"
    return f"For this response, call {which}. Return only a JSON {form} with name and arguments."


def _with_system(
    messages: Sequence[Mapping[str, Any]], told: str, default: str
) -> list[Mapping[str, Any]]:
    first = messages[0] if messages else {}
    if first.get("role") != "system":
        content = f"{default}\n\n{told}" if default else told
        return [{"role": "system", "content": content}, *messages]
    said = first.get("content") or ""
    part = [{"type": "text", "text": told}]
    joined = [*said, *part] if isinstance(said, list) else f"{said}\n\n{told}".lstrip()
    return [{**first, "content": joined}, *messages[1:]]
