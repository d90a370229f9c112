"""`%%chat --tools` in a real kernel: the tiny model calls the user's own functions."""

import re

import pytest

QUESTION = "What is twice the temperature in Paris?"
TOOLS = '''
import asyncio, sqlite3, threading
calls = []
database = sqlite3.connect(":memory:")
database.execute("create table weather (city, report)")
database.execute("insert into weather values ('Paris', '22 degrees and sunny')")

def get_weather(city: str) -> str:
    """The weather in a city."""
    calls.append(threading.current_thread() is threading.main_thread())
    return database.execute("select report from weather where city = ?", [city]).fetchone()[0]

async def multiply(a: int, b: int) -> int:
    """The product of two numbers."""
    async with lock:
        await asyncio.sleep(0.01)
        calls.append(asyncio.get_running_loop() is loop)
        return a * b
'''
LOOP = """
loop, lock = asyncio.get_running_loop(), asyncio.Lock()
await lock.acquire()
lock.release()
"""


@pytest.fixture
def ready(chatting):
    chatting.run(TOOLS)
    chatting.run(LOOP)
    return chatting


@pytest.mark.parametrize("uid", ["tiny-gguf", "tiny-pt"])
def test_tools_run_on_the_notebook_s_thread_and_loop_until_the_answer(ready, uid):
    reply = ready.run(f"turn = %chat -m {uid} --tools get_weather,multiply {QUESTION}")
    assert reply.status == "ok", reply.error
    assert ready.value("turn.text") == "'Twice the temperature in Paris is 44 degrees.'"
    assert ready.value("calls") == "[True, True]"
    kinds = ready.value("[m.type for m in turn.messages]")
    assert kinds == "['human', 'ai', 'tool', 'ai', 'tool', 'ai']"
    [shown] = reply.displays
    line = r"get_weather\(city=&quot;Paris&quot;\)</span> → 22 degrees and sunny · \d+\.\d s"
    assert re.search(line, shown["text/html"])
    assert re.search(r"\[multiply\(a=22, b=2\) → 44 · \d+\.\d s\]", shown["text/plain"])
    assert (
        ready.value("[call['name'] for call in turn.tool_calls]") == "['get_weather', 'multiply']"
    )
    assert int(ready.value("turn.tokens")) > 20


def test_a_tool_s_error_is_sent_to_the_model(ready):
    ready.run("def get_weather(city: str) -> str:\n    raise OSError('no sensor')")
    reply = ready.run("turn = %chat --tools get_weather,multiply What is the weather in Paris?")
    assert reply.status == "ok", reply.error
    assert ready.value("turn.steps[1].content, turn.steps[1].status") == (
        "('OSError: no sensor', 'error')"
    )
    assert ready.value("turn.text") == "'I am sorry, the tool failed.'"


@pytest.mark.parametrize(
    ("answer", "told"),
    [("n", "The user declined this call."), ("too far", "The user declined this call: too far")],
)
def test_a_call_is_declined(ready, answer, told):
    reply = ready.run(
        "turn = %chat --confirm --tools get_weather,multiply What is the weather in Paris?",
        answers=[answer],
    )
    [(question, _)] = reply.questions
    assert question == "Call get_weather(city='Paris')? [y/N, or why not] "
    assert reply.status == "ok", reply.error
    assert ready.value("turn.steps[1].content") == repr(told)
    assert ready.value("calls") == "[]"
    [shown] = reply.displays
    assert '[get_weather(city="Paris") · declined]' in shown["text/plain"]


@pytest.mark.parametrize(
    "slow",
    [
        "def get_weather(city: str) -> str:\n    print('busy')\n    time.sleep(30)",
        "async def get_weather(city: str) -> str:\n    print('busy')\n    await asyncio.sleep(30)",
    ],
    ids=["sync", "async"],
)
def test_an_interrupt_ends_a_tool_and_nothing_else(ready, slow):
    ready.run(f"import asyncio, time\n{slow}")
    ready.run("ticks = 0\nasync def tick():\n    global ticks\n    while True:\n"
              "        ticks += 1\n        await asyncio.sleep(0.01)\n"
              "task = asyncio.ensure_future(tick())")  # fmt: skip
    sent = ready.send("%chat --tools get_weather,multiply What is the weather in Paris?")
    ready.collect(sent, until=lambda reply: "busy" in reply.stdout)
    ready.manager.interrupt_kernel()
    reply = ready.collect(sent)
    assert reply.status == "error"
    assert "The turn was interrupted" in reply.error
    assert ready.value("task.done()") == "False"
    assert ready.run("%chat --once Hello").status == "ok"


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ("get_wether", "Did you mean get_weather?"),
        ("3", "Objects of type int are not tools"),
        ("get_weather,get_weather", "Two tools are called get_weather"),
    ],
)
def test_an_invalid_tool_is_refused_before_anything_is_sent(ready, tools, message):
    reply = ready.run(f"%chat --tools {tools} Hello")
    assert reply.status == "error"
    assert message in reply.error
    assert not reply.displays


def test_messages_from_the_page_during_an_async_tool_are_not_lost(ready):
    ready.run(
        "async def get_weather(city: str) -> str:\n"
        "    await asyncio.sleep(1)\n    return '22 degrees and sunny'"
    )
    sent = [
        ready.send("turn = %chat --once --tools get_weather What is the weather in Paris?"),
        ready.send("seen = turn.text"),
    ]
    ready.client.comm_info()
    ready.client.complete("see", 3)
    sent.append(ready.send("'It is' in seen"))
    reply = ready.collect(sent[-1])
    assert reply.status == "ok", reply.error
    assert reply.displays[0]["text/plain"] == "True"
    assert "Exception in callback" not in reply.stdout


def test_a_tool_s_result_is_written_for_the_model(ready):
    ready.run("import pandas\nfrom PIL import Image")
    table = "pandas.DataFrame({'city': [city], 'sky': ['blue']})"
    ready.run(f"def get_weather(city: str):\n    return {table}")
    assert ready.run("turn = %chat --once --tools get_weather What is the weather in Paris?")
    assert "DataFrame of 1 row and 2 columns" in ready.value("turn.steps[1].content")
    assert "Paris,blue" in ready.value("turn.steps[1].content")
    ready.run("def get_weather(city: str):\n    return Image.new('RGB', (9, 9))")
    assert ready.run("turn = %chat --once --tools get_weather What is the weather in Paris?")
    assert "a picture, which this model cannot see" in ready.value("turn.steps[1].content")


def test_the_tools_of_an_asynchronous_toolkit(ready):
    """Like a client of MCP servers, it is asked for its tools on the notebook's event loop."""
    ready.run(
        "class Servers:\n"
        "    async def get_tools(self):\n"
        "        await asyncio.sleep(0.01)\n"
        "        calls.append(asyncio.get_running_loop() is loop)\n"
        "        return [get_weather]\n"
        "servers = Servers()"
    )
    reply = ready.run("turn = %chat --once --tools servers What is the weather in Paris?")
    assert reply.status == "ok", reply.error
    assert ready.value("calls") == "[True, True]"
    assert "22 degrees and sunny" in ready.value("turn.text")


AGENT = """
def get_weather(city: str) -> str:
    'The weather in a city.'
    return '22 degrees and sunny'

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.memory import InMemorySaver
agent = create_agent(llm, [get_weather], checkpointer=InMemorySaver(), middleware=[
    HumanInTheLoopMiddleware({"get_weather": True}, interrupt_mode=MODE)])
"""


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_an_agent_s_question_is_answered_with_the_code_that_the_cell_shows(ready, mode):
    reply = ready.run(AGENT.replace("MODE", repr(mode)))
    assert reply.status == "ok", reply.error
    reply = ready.run("%chat -m agent What is the weather in Paris?")
    assert reply.status == "error"
    [error] = [line for line in reply.error.splitlines() if "NotebookError" in line]
    assert "agent is waiting for your decision: get_weather(city='Paris')" in error
    imported, _, answered = error.partition("Answer in code: ")[2].partition("; ")
    reply = ready.run(f"{imported}\nresult = {answered}")
    assert reply.status == "ok", reply.error
    assert ready.value("result['messages'][-1].type") == "'ai'"
    assert ready.value("sum(each.type == 'tool' for each in result['messages'])") == "1"
