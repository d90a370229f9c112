"""The user's functions and LangChain's tools, as tools that a model may call."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool

from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from langchain_core.messages import InvalidToolCall
    from langchain_core.messages.tool import ToolCall

Render = Callable[[Any], "str | list[dict[str, Any]]"]
"""Makes of a result what the model reads: text, or content blocks."""


def as_text(value: object, otherwise: Callable[[object], str] = repr) -> str:
    """Write a value for a model to read: text as it is, else JSON where it can be.

    Args:
        value: What a function returned.
        otherwise: Writes what is neither.
    """
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return otherwise(value)


class Toolbox:
    """Tools by name.

    Args:
        offered: Functions, coroutine functions, LangChain tools, toolkits (with `get_tools`), or
            lists of them.
        render: Makes of the result of a function what the model reads.

    Raises:
        NotebookError: Something offered is no tool, or two have one name.
    """

    def __init__(self, offered: Iterable[object], render: Render = as_text) -> None:
        self._render = render
        self._by_name: dict[str, BaseTool] = {}
        for tool in self._tools(offered):
            if tool.name in self._by_name:
                raise NotebookError(f"Two tools are called {tool.name}.", hint="Rename one.")
            self._by_name[tool.name] = tool

    @property
    def tools(self) -> list[BaseTool]:
        """The tools, in the order in which they were offered."""
        return list(self._by_name.values())

    def caller(self, call: ToolCall) -> Callable[[], Any]:
        """Return what does a call; a coroutine that it returns is to be awaited."""
        tool = self._by_name.get(call["name"])
        if tool is None:
            return lambda: failed(call, self._unknown(call["name"]))
        request = {**call, "type": "tool_call"}
        if _is_asynchronous(tool):
            return lambda: _ainvoke(tool, request)
        return lambda: tool.invoke(request)

    def _unknown(self, name: str) -> str:
        return f"There is no tool {name}. There are: {', '.join(self._by_name)}."

    def _tools(self, offered: Iterable[object]) -> Iterator[BaseTool]:
        for each in offered:
            if isinstance(each, BaseTool):
                yield each
            elif isinstance(each, list | tuple):
                yield from self._tools(each)
            elif callable(get_tools := getattr(each, "get_tools", None)):
                yield from self._tools(get_tools())
            elif callable(each):
                yield self._tool(each)
            else:
                kind = type(each).__name__
                raise NotebookError(
                    f"A {kind} is no tool.", hint="Give functions, LangChain tools or toolkits."
                )

    def _tool(self, function: Callable[..., Any]) -> BaseTool:
        name = getattr(function, "__name__", type(function).__name__)
        about = inspect.getdoc(function) or name
        rendered = self._rendered(function)
        later = inspect.iscoroutinefunction(rendered)
        try:
            return StructuredTool.from_function(
                func=None if later else rendered,
                coroutine=rendered if later else None,
                name=name,
                description=about,
            )
        except (TypeError, ValueError) as error:
            raise NotebookError(
                f"{name} cannot be a tool: {error}", hint="Annotate its arguments."
            ) from error

    def _rendered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its result is written for the model."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def later(*args: Any, **kwargs: Any) -> Any:
                return self._render(await function(*args, **kwargs))

            return later

        @wraps(function)
        def now(*args: Any, **kwargs: Any) -> Any:
            return self._render(function(*args, **kwargs))

        return now


def failed(call: ToolCall | InvalidToolCall, reason: str) -> ToolMessage:
    """Tell the model that a call did not work, and why."""
    return ToolMessage(reason, tool_call_id=call["id"] or "", name=call["name"], status="error")


def _is_asynchronous(tool: BaseTool) -> bool:
    """Whether a tool is meant to be awaited: it may have nothing but a coroutine to run."""
    if isinstance(tool, StructuredTool | Tool):
        return tool.func is None
    return type(tool)._arun is not BaseTool._arun  # noqa: SLF001 - what subclasses override


async def _ainvoke(tool: BaseTool, request: dict[str, Any]) -> Any:
    """Await a tool; many of LangChain's raise this where they have no coroutine."""
    try:
        return await tool.ainvoke(request)
    except NotImplementedError:
        return tool.invoke(request)
