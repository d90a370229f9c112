"""Tools on the wire: the format in which they are sent, and which one must be called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from xinference_magics.errors import BadRequestError
from xinference_magics.nearest import did_you_mean
from xinference_magics.wire.schema import unfolded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool
"""What can be offered as a tool: an OpenAI dict, a class, a function or a LangChain tool."""

_ANY = {"any", "required"}


def tool_dicts(tools: Sequence[Tool], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Convert `tools` to OpenAI dicts; those already in that format stay unchanged.

    Raises:
        BadRequestError: One refers to itself in a way that cannot be written as a schema.
    """
    return [_tool_dict(tool, strict=strict) for tool in tools]


def _tool_dict(tool: Tool, *, strict: bool | None) -> dict[str, Any]:
    try:
        return convert_to_openai_tool(unfolded(tool), strict=strict)
    except RecursionError as error:
        name = getattr(tool, "__name__", "This")
        raise BadRequestError(
            f"{name} cannot be used as a tool: it refers to itself.",
            hint="A Pydantic class may do that.",
        ) from error


def wire_choice(
    choice: dict[str, Any] | str | bool | None, tools: Sequence[dict[str, Any]]
) -> dict[str, Any] | str | None:
    """Convert every form of tool choice to one of the four that the server accepts.

    Args:
        choice: ``"any"``, True, ``"required"``, ``"auto"``, ``"none"``, a tool's name, or
            OpenAI's or Anthropic's dict. None and False leave it to the model.
        tools: The tools that are sent, as OpenAI dicts.

    Raises:
        BadRequestError: The choice names a tool that is not sent.
    """
    if isinstance(choice, dict):
        choice = _named_in(choice)
    if choice is None or choice is False:
        return None
    if choice is True or choice in _ANY:
        return "required"
    if choice in {"auto", "none"}:
        return choice
    names = [tool["function"]["name"] for tool in tools if "function" in tool]
    if choice not in names:
        hint = did_you_mean(choice, names) or f"The tools are {', '.join(names) or 'none'}."
        raise BadRequestError(f"tool_choice names no tool: {choice!r}.", hint=hint)
    return {"type": "function", "function": {"name": choice}}


def demanding(tools: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the names of the tools that require arguments."""
    functions = [tool.get("function") or {} for tool in tools]
    return {
        str(each.get("name"))
        for each in functions
        if (each.get("parameters") or {}).get("required")
    }


def _named_in(choice: dict[str, Any]) -> str:
    name = choice.get("function", choice).get("name") or choice.get("type")
    return str(name)
