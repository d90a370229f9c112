"""The user's functions and LangChain tools, as tools that a model may call."""

from __future__ import annotations

import functools
import inspect
import json
import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool
from pydantic.json_schema import PydanticJsonSchemaWarning

from xinference_magics.chat.callables import describable, needs_positions
from xinference_magics.chat.main_thread import MainThread
from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from langchain_core.messages import InvalidToolCall
    from langchain_core.messages.tool import ToolCall

Render = Callable[[Any], "str | list[dict[str, Any]]"]
"""Renders a result for the model, as text or content blocks."""


def as_text(value: object, otherwise: Callable[[object], str] = repr) -> str:
    """Render a value for a model: text unchanged, else as JSON if possible.

    Args:
        value: The return value of a function.
        otherwise: Renders values that are neither.
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
        offered: Functions, coroutine functions, LangChain tools, toolkits (with `get_tools`,
            which may be a coroutine function), or lists of them.
        render: Renders the return value of a function for the model.
        run: Awaits the result of an asynchronous `get_tools`.
        names: Variables, whose names lambdas and partials get.

    Raises:
        NotebookError: Something offered isn't a tool, or two tools have the same name.
    """

    def __init__(
        self,
        offered: Iterable[object],
        render: Render = as_text,
        run: Callable[[Awaitable[Any]], Any] | None = None,
        names: Mapping[str, object] | None = None,
    ) -> None:
        self._names = names or {}
        self._render = render
        self._run = run or MainThread().run
        self._by_name: dict[str, BaseTool] = {}
        for tool in self._tools(offered):
            if tool.name in self._by_name:
                raise NotebookError(f"Two tools are called {tool.name}.", hint="Rename one.")
            self._by_name[tool.name] = tool

    @property
    def tools(self) -> list[BaseTool]:
        """The tools, in the order they were offered."""
        return list(self._by_name.values())

    def caller(self, call: ToolCall) -> Callable[[], Any]:
        """Return a function that performs a tool call; if it returns a coroutine, await that."""
        tool = self._by_name.get(call["name"])
        if tool is None:
            return lambda: failed(call, self._unknown(call["name"]))
        request = {**call, "type": "tool_call"}
        if _is_asynchronous(tool):
            return lambda: _ainvoke(tool, request)
        return lambda: tool.invoke(request)

    def _unknown(self, name: str) -> str:
        return f"There is no tool {name}. Available tools: {', '.join(self._by_name)}."

    def _tools(self, offered: Iterable[object]) -> Iterator[BaseTool]:
        for each in offered:
            if isinstance(each, BaseTool):
                yield each
            elif isinstance(each, list | tuple):
                yield from self._tools(each)
            elif callable(get_tools := getattr(each, "get_tools", None)):
                yield from self._tools(self._toolkit(get_tools, type(each).__name__))
            elif callable(each):
                yield self._tool(each)
            else:
                kind = type(each).__name__
                raise NotebookError(
                    f"Objects of type {kind} are not tools.",
                    hint="Pass functions, LangChain tools or toolkits.",
                )

    def _toolkit(self, get_tools: Callable[[], Any], name: str) -> Iterable[object]:
        """Ask a toolkit, such as a client for MCP servers, for its tools."""
        try:
            tools = get_tools()
            return list(self._run(tools) if inspect.isawaitable(tools) else tools)
        except Exception as error:
            cause = first_cause(error)
            said = " ".join(f"{type(cause).__name__}: {cause}".split())
            raise NotebookError(f"The tools of {name} cannot be listed: {said}") from error

    def _tool(self, function: Callable[..., Any]) -> BaseTool:
        name = self._name(function)
        rendered = self._rendered(function)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pydantic warns about argument names
                warnings.filterwarnings("error", category=PydanticJsonSchemaWarning)
                return _described(function, rendered, name)
        except Exception as error:
            # The types of builtins and of many libraries' functions fail in many different ways.
            raise NotebookError(
                f"{name} cannot be used as a tool: its arguments cannot be described to a model.",
                hint="Wrap it in a function with type annotations.",
            ) from error

    def _name(self, function: Callable[..., Any]) -> str:
        """Return a function's name, or that of the variable for one that has none.

        Raises:
            NotebookError: It is a lambda, and no variable holds it.
        """
        own = getattr(function, "__name__", "")
        if own.isidentifier():
            return str(own)
        holding = (name for name, value in self._names.items() if value is function)
        variable = next((name for name in holding if not name.startswith("_")), "")
        if variable:
            return variable
        if isinstance(function, functools.partial):
            return self._name(function.func)
        if own:
            raise NotebookError(
                "A tool needs a name, and a lambda has none.",
                hint="Assign it to a variable, as in double = lambda x: 2 * x.",
            )
        return type(function).__name__

    def _rendered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its return value is rendered for the model."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: Any, **kwargs: Any) -> Any:
                return self._render(await function(*args, **kwargs))

            return later

        @functools.wraps(function)
        def now(*args: Any, **kwargs: Any) -> Any:
            return self._render(function(*args, **kwargs))

        return now


def _described(function: Callable[..., Any], rendered: Callable[..., Any], name: str) -> BaseTool:
    """Make a tool by LangChain's rules, or by ours if they do not describe its arguments."""
    if needs_positions(function):
        return describable(function, rendered, name)
    later = inspect.iscoroutinefunction(rendered)
    try:
        tool = StructuredTool.from_function(
            func=None if later else rendered,
            coroutine=rendered if later else None,
            name=name,
            description=inspect.getdoc(function) or name,
        )
        _ = tool.args  # fails if the arguments cannot be described to a model
    except Exception:  # noqa: BLE001 - in many different ways, as above
        return describable(function, rendered, name)
    return tool


def failed(call: ToolCall | InvalidToolCall, reason: str) -> ToolMessage:
    """Return a message that informs the model that a call failed, and why."""
    return ToolMessage(reason, tool_call_id=call["id"] or "", name=call["name"], status="error")


def declined(call: ToolCall, reason: str = "") -> ToolMessage:
    """Return a message that informs the model that the user declined a call, and why."""
    message = failed(call, f"The user declined this call{f': {reason}' if reason else '.'}")
    message.response_metadata["declined"] = True
    return message


def first_cause(error: BaseException) -> BaseException:
    """Return the first error inside nested exception groups, as raised by task groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _is_asynchronous(tool: BaseTool) -> bool:
    """Whether a tool should be awaited: it may have only a coroutine to run."""
    if isinstance(tool, StructuredTool | Tool):
        return tool.func is None
    return type(tool)._arun is not BaseTool._arun  # noqa: SLF001 - what subclasses override


async def _ainvoke(tool: BaseTool, request: dict[str, Any]) -> Any:
    """Await a tool; if it has no coroutine, like many of LangChain's, invoke it synchronously."""
    try:
        return await tool.ainvoke(request)
    except NotImplementedError:
        return tool.invoke(request)
