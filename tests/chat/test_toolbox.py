"""LangChain tools of all kinds run on the thread that made their connections and figures."""

import asyncio
import functools
import math
import subprocess
import sys
import threading
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from langchain_core.tools import BaseTool, Tool, tool

from xinference_magics.chat.main_thread import MainThread
from xinference_magics.chat.toolbox import Toolbox
from xinference_magics.errors import NotebookError


def thread_name(question: str) -> str:
    """Tell where it runs."""
    return f"{question} {threading.current_thread().name}"


class Unwilling(BaseTool):
    """A tool without a coroutine, written as in LangChain's guides."""

    name: str = "unwilling"
    description: str = "Tell where it runs."

    def _run(self, question: str) -> str:
        return thread_name(question)

    async def _arun(self, question: str) -> str:
        raise NotImplementedError("unwilling does not support async")


class Willing(Unwilling):
    name: str = "willing"

    async def _arun(self, question: str) -> str:
        return f"awaited {self._run(question)}"


def done(tool):
    """Call a tool on the waiting thread, as a turn does; return what the model reads."""
    call = {"name": tool.name, "args": {"question": "where?"}, "id": "1", "type": "tool_call"}
    with closing(asyncio.new_event_loop()) as loop:
        return MainThread(lambda: loop)._do(Toolbox([tool]).caller(call), lambda: False).content


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (Tool("plain", thread_name, "Tell where it runs."), "where? MainThread"),
        (Unwilling(), "where? MainThread"),
        (Willing(), "awaited where? MainThread"),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_a_tool_runs_on_the_waiting_thread(tool, says):
    assert done(tool) == says


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Servers:
    """Like a client of MCP servers: lists its tools asynchronously."""

    def __init__(self, *tools, error=None):
        self.tools, self.error, self.loop = tools, error, None

    async def get_tools(self):
        await asyncio.sleep(0)
        self.loop = asyncio.get_running_loop()
        if self.error:
            raise self.error
        return list(self.tools)


class Kit:
    def get_tools(self):
        return (add,)


def test_an_asynchronous_toolkit_is_awaited_on_the_notebook_s_loop():
    servers = Servers(add)
    with closing(asyncio.new_event_loop()) as loop:
        toolbox = Toolbox([servers], run=MainThread(lambda: loop).run)
        assert [each.name for each in toolbox.tools] == ["add"]
        assert servers.loop is loop
    assert Toolbox([Kit()]).tools == [add]


IN_A_CELL = """
import asyncio
from langchain_core.tools import tool
from xinference_magics.chat.main_thread import MainThread
from xinference_magics.chat.toolbox import Toolbox

@tool
def add(a: int, b: int) -> int:
    'Add.'
    return a + b

class Servers:
    async def get_tools(self):
        await asyncio.sleep(0)
        self.loop = asyncio.get_running_loop()
        return [add]

closed = []

async def numbers():
    try:
        yield 1
    finally:
        await asyncio.sleep(0)
        closed.append(True)

async def cell():
    loop, servers = asyncio.get_running_loop(), Servers()
    assert Toolbox([servers], run=MainThread(lambda: loop).run).tools == [add]
    assert servers.loop is loop

async def leave():
    async for _ in numbers():
        break
    for _ in range(9):
        await asyncio.sleep(0)

loop = asyncio.new_event_loop()
loop.run_until_complete(cell())
loop.run_until_complete(leave())  # a generator that is left is closed, after nesting as before
assert closed
"""


def test_it_is_awaited_while_the_loop_runs_the_cell():
    """Runs in a subprocess, since nesting changes the event loops of the whole process."""
    subprocess.run([sys.executable, "-c", IN_A_CELL], check=True)


@pytest.mark.parametrize(
    "error",
    [
        OSError("no\nserver"),
        ExceptionGroup("unhandled errors", [ExceptionGroup("more", [OSError("no\nserver")])]),
    ],
)
def test_a_toolkit_that_fails_says_why_in_one_line(error):
    with pytest.raises(NotebookError) as caught:
        Toolbox([Servers(error=error)])
    assert str(caught.value) == "The tools of Servers cannot be listed: OSError: no server"


def rest(a, b=2, *more, c=3):
    """Return what it gets."""
    return [a, b, more, c]


def first(a: int = 1, b: int = 2, /, *, on: bool = True) -> list[int]:
    """Return what it gets."""
    return [a, b, on]


async def later(a: int, /) -> int:
    """Wait."""
    return a


double = lambda x: 2 * x  # noqa: E731 - users write it so
unnamed = functools.partial(rest, c=4)


@pytest.mark.parametrize(
    ("function", "name", "arguments", "result"),
    [
        (math.sqrt, "sqrt", {"x": 9}, "3.0"),
        (print, "print", {"args": ["a", 1]}, "null"),
        (len, "len", {"obj": [1, 2]}, "2"),
        (round, "round", {"number": 2.6}, "3"),
        ([3, 1].count, "count", {"value": 3}, "1"),
        (functools.partial(thread_name, "x"), "thread_name", {}, "x MainThread"),
        (functools.partial(rest, 1), "rest", {"more": [5]}, "[1, 2, [5], 3]"),
        (unnamed, "unnamed", {"a": 0}, "[0, 2, [], 4]"),
        (double, "double", {"x": 4}, "8"),
        (first, "first", {"b": 7}, "[1, 7, true]"),
        (np.mean, "mean", {"a": [1, 2]}, "1.5"),
        (np.sqrt, "sqrt", {"x": 4}, "2.0"),
        (later, "later", {"a": 5}, "5"),
    ],
)
def test_everyday_callables_are_tools(function, name, arguments, result):
    toolbox = Toolbox([function], names={"_": function, **globals()})
    call = {"name": name, "args": arguments, "id": "1", "type": "tool_call"}
    with closing(asyncio.new_event_loop()) as loop:
        done = MainThread(lambda: loop)._do(toolbox.caller(call), lambda: False)
    assert done.content == result
    [tool] = toolbox.tools
    assert "\n\n" not in tool.description


def test_an_argument_of_an_unknown_type_accepts_anything():
    [tool] = Toolbox([pd.read_csv]).tools
    assert tool.args["filepath_or_buffer"] == {"title": "Filepath Or Buffer"}
    assert tool.args_schema.model_json_schema()["required"] == ["filepath_or_buffer"]


@pytest.mark.parametrize("function", [max, dict, range, str.upper])
def test_a_function_that_does_not_tell_its_arguments_is_refused_in_one_line(function):
    with pytest.raises(NotebookError, match=r"^\w+ cannot be used as a tool: its arguments .*\.$"):
        Toolbox([function])


def test_a_lambda_without_a_variable_is_refused():
    with pytest.raises(NotebookError, match=r"^A tool needs a name, and a lambda has none\."):
        Toolbox([lambda: 1], names={"_3": double})


def test_argument_names_that_pydantic_warns_about_are_accepted():
    def search(schema: str, copy: int = 1) -> str:
        """Search."""
        return schema * copy

    [made] = Toolbox([search]).tools
    assert made.invoke({"schema": "a", "copy": 2}) == "aa"
