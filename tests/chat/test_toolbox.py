"""LangChain's tools of all kinds run where their connections and figures were made."""

import asyncio
import threading
from contextlib import closing

import pytest
from langchain_core.tools import BaseTool, Tool

from xinference_magics.chat.main_thread import MainThread
from xinference_magics.chat.toolbox import Toolbox


def thread_name(question: str) -> str:
    """Tell where it runs."""
    return f"{question} {threading.current_thread().name}"


class Unwilling(BaseTool):
    """As LangChain's guides write a tool that has no coroutine."""

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
    """Call a tool as a turn does; return what the model reads, on the waiting thread."""
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
