"""Callables that LangChain cannot describe to a model: builtins, partials, untyped functions.

What is missing is filled in: an argument without a usable type accepts anything, one that may be
left out and cannot be described keeps its default, and ``*args`` becomes a list.
"""

from __future__ import annotations

import functools
import inspect
import json
import typing
from typing import TYPE_CHECKING, Any

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POSITION = inspect.Parameter.POSITIONAL_ONLY
_REST = inspect.Parameter.VAR_POSITIONAL
_OF_LANGCHAIN = {"self", "config", "run_manager", "callbacks"}
"""Names of arguments that never reach the function of a tool."""


def describable(
    function: Callable[..., Any], rendered: Callable[..., Any], name: str
) -> StructuredTool:
    """Make a tool of a function whose signature does not describe its arguments.

    Args:
        function: The function.
        rendered: The function to call in its place.
        name: The name of the tool.

    Raises:
        ValueError: The function does not tell which arguments it takes, or one of them has a name
            that LangChain keeps for itself.
    """
    signature = inspect.signature(function)

    def call(**given: Any) -> Any:
        positions, named = _placed(signature, given)
        return rendered(*positions, **named)

    async def acall(**given: Any) -> Any:
        positions, named = _placed(signature, given)
        return await rendered(*positions, **named)

    later = inspect.iscoroutinefunction(rendered)
    return StructuredTool(
        name=name,
        description=_summary(function) or name,
        args_schema=_arguments(function, signature, name),
        func=None if later else call,
        coroutine=acall if later else None,
    )


def needs_positions(function: Callable[..., Any]) -> bool:
    """Whether a function has arguments that cannot be given by name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # of a builtin that does not tell
        return True
    return any(each.kind in {_POSITION, _REST} for each in parameters)


def _placed(
    signature: inspect.Signature, given: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments that are passed by position, and the others by name.

    Those that are the defaults are left out, because a function may refuse two of its arguments
    together even then.
    """
    parameters = signature.parameters
    chosen = {name: value for name, value in given.items() if value is not parameters[name].default}
    names = [*parameters]
    rest = next((name for name in names if parameters[name].kind is _REST), None)
    more = chosen.pop(rest, []) if rest else []
    if more:
        positions = names[: names.index(str(rest))]
    else:
        positions = [name for name in names if parameters[name].kind is _POSITION]
        while positions and positions[-1] not in chosen:
            positions.pop()
    return [*(chosen.pop(name, parameters[name].default) for name in positions), *more], chosen


def _summary(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a docstring: those of libraries can fill a context window."""
    inner = function.func if isinstance(function, functools.partial) else function
    return (inspect.getdoc(inner) or "").partition("\n\n")[0]


def _arguments(
    function: Callable[..., Any], signature: inspect.Signature, name: str
) -> type[BaseModel]:
    """Make the model of the arguments, without those that must be left to their defaults."""
    hints = _hints(function)
    fields: dict[str, Any] = {}
    for each in signature.parameters.values():
        hint = hints.get(each.name, Any)
        kind = hint if _is_schema(hint) else Any
        if each.kind is _REST:
            fields[each.name] = (list[kind], [])  # type: ignore[valid-type]
        elif each.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        elif each.default is inspect.Parameter.empty:
            if each.name in _OF_LANGCHAIN:
                raise ValueError(each.name)
            fields[each.name] = (kind, ...)
        elif kind is hint and _is_json(each.default) and each.name not in _OF_LANGCHAIN:
            fields[each.name] = (hint, each.default)
    return create_model(name, __config__=ConfigDict(arbitrary_types_allowed=True), **fields)


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    inner = function.func if isinstance(function, functools.partial) else function
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except (NameError, TypeError, AttributeError):  # imported for type checkers only; a builtin
        return {}


def _is_schema(hint: Any) -> bool:
    """Whether a type can be described as a JSON schema."""
    try:
        TypeAdapter(hint).json_schema()
    except Exception:  # noqa: BLE001 - types of libraries fail in many different ways
        return False
    return True


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
