"""A LangGraph agent that asks a person before it continues, in a cell that cannot answer."""

import re
import sys
from types import SimpleNamespace

import pytest
import recorded
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.types import interrupt
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import ChatXinference
from xinference_magics.chat.graphs import answer_in_code, unanswered
from xinference_magics.errors import NotebookError

CALLS = {
    "tool_calls": [
        {
            "index": index,
            "id": f"c{index}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for index, (name, arguments) in enumerate(
            [("send_mail", '{"to": "Ada"}'), ("delete", '{"name": "x"}')]
        )
    ]
}
CALLING = Stream(recorded.llama(CALLS, finish="tool_calls"))
DONE = Stream(recorded.llama("Done."))


def send_mail(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


def delete(name: str) -> str:
    """Delete a file."""
    return f"deleted {name}"


@pytest.fixture
def server():
    with ScriptedServer(CALLING, DONE) as made:
        yield made


@pytest.fixture
def agent_of(shell, server):
    """Make an agent that asks before it sends or deletes, as the variable `agent`."""

    def make(mode, saver=None):
        decides = HumanInTheLoopMiddleware(
            {"send_mail": True, "delete": {"allowed_decisions": ["reject", "approve"]}},
            interrupt_mode=mode,
        )
        shell.user_ns["agent"] = create_agent(
            ChatXinference(server.endpoint, "tiny", engine="llama.cpp"),
            [send_mail, delete],
            middleware=[decides],
            checkpointer=saver,
        )

    return make


def failed(shell, cell):
    """Run a cell that fails with one line, and return that line."""
    error = shell.run_cell(cell).error_in_exec
    assert isinstance(error, NotebookError), error
    vars(sys).pop("last_value")  # %tb would show its whole traceback
    [line] = error._render_traceback_()
    assert "\n" not in line
    return line


def typed(line):
    """Return the code that a message suggests."""
    return re.search(r"Answer in code: (.*)", line)[1]


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_the_cell_shows_the_question_and_how_to_answer(shell, server, agent_of, mode):
    agent_of(mode, InMemorySaver())
    line = failed(shell, "%chat -m agent Write to Ada, and delete x.")
    assert "agent is waiting for your decision: send_mail(to='Ada')" in line
    assert "delete(name='x')" in line
    assert "approve / edit / reject / respond" in line
    assert len(server.bodies) == 1
    server.scripts[:] = [Reply(200, recorded.whole({"content": "Done."}))]
    answered = shell.run_cell(typed(line))
    answered.raise_error()
    given = answered.result
    texts = [each.text for each in given["messages"] if each.type == "tool"]
    assert sorted(texts) == ["deleted x", "sent to Ada"]
    assert given["messages"][-1].text == "Done."


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_without_a_checkpointer_it_cannot_be_answered(shell, agent_of, mode):
    agent_of(mode)
    line = failed(shell, "%chat -m agent Write to Ada.")
    assert "send_mail(to='Ada')" in line
    assert line.endswith("checkpointer, such as InMemorySaver(): without one it cannot resume.")


def test_an_agent_in_a_chain_asks_too(shell, server, agent_of):
    server.scripts[:] = [Reply(200, recorded.whole({"content": None, **CALLS}, "tool_calls"))]
    agent_of("batched")
    as_messages = RunnableLambda(lambda text: {"messages": [("user", str(text))]})
    shell.user_ns["chain"] = as_messages | shell.user_ns["agent"]
    line = failed(shell, "%chat -m chain Hi")
    assert "chain is waiting for your decision: send_mail" in line
    assert line.endswith("Pass the agent itself with -m to answer it.")


@pytest.mark.parametrize("background", [False, True])
def test_a_node_may_ask_anything(shell, background):
    def ask(_state):
        return {"messages": [("ai", f"You are {interrupt('How old are you?')}.")]}

    graph = StateGraph(MessagesState)
    graph.add_node("ask", ask)
    graph.set_entry_point("ask")
    shell.user_ns["graph"] = graph.compile(checkpointer=InMemorySaver())
    if background:
        shell.run_cell("pending = %chat --bg -m graph Hello").raise_error()
        with pytest.raises(NotebookError, match="graph is waiting for your decision: How old are"):
            shell.user_ns["pending"].result(20)
        return
    line = failed(shell, "%chat -m graph Hello")
    assert "graph is waiting for your decision: How old are you?" in line
    assert "Command(resume='...')" in line


def test_a_breakpoint_is_reported_too(shell):
    graph = StateGraph(MessagesState)
    graph.add_node("answer", lambda _state: {"messages": [("ai", "Hello.")]})
    graph.set_entry_point("answer")
    shell.user_ns["graph"] = graph.compile(InMemorySaver(), interrupt_before=["answer"])
    line = failed(shell, "%chat -m graph Hello")
    assert "graph stopped at one of its breakpoints. Continue in code: await graph.ainvoke(" in line


def test_model_output_in_an_error_is_short_and_has_no_control_characters(shell, server, agent_of):
    calls = {
        "tool_calls": [
            {
                "index": 0,
                "id": "c",
                "type": "function",
                "function": {
                    "name": "send_mail",
                    "arguments": '{"to": "\\u001b[31m\\nA' + "a" * 5000 + '"}',
                },
            }
        ]
    }
    server.scripts[:] = [Stream(recorded.llama(calls, finish="tool_calls"))]
    agent_of("batched", InMemorySaver())
    line = failed(shell, "%chat -m agent Hi")
    assert "\x1b" not in line
    assert "…" in line
    assert len(line) < 700


def test_a_conversation_has_one_thread_and_its_turns_are_sent_once(shell, server):
    server.scripts[:] = [Stream(recorded.llama("Yes."))]
    saver = InMemorySaver()
    llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
    shell.user_ns["agent"] = create_agent(llm, [], checkpointer=saver)

    def threads():
        return {each.config["configurable"]["thread_id"] for each in saver.list(None)}

    def said():
        return [each["content"] for each in server.bodies[-1]["messages"]]

    shell.run_cell("%chat -m agent One").raise_error()
    shell.run_cell("%chat -m agent Two").raise_error()
    assert said() == ["One", "Yes.", "Two"]
    assert len(threads()) == 1
    shell.run_cell("%conversation undo").raise_error()
    shell.run_cell("%chat -m agent Three").raise_error()
    assert said() == ["One", "Yes.", "Three"]  # as in the notebook, not as in the thread
    assert len(threads()) == 1
    shell.run_cell("%chat -m agent -c other One").raise_error()
    assert len(threads()) == 2
    shell.run_cell("%chat -m agent --once One").raise_error()
    assert len(threads()) == 3
    shell.run_cell("%chat -m agent --new One").raise_error()
    assert len(threads()) == 4
    shell.run_cell("%chat -m agent Two").raise_error()
    assert len(threads()) == 4


def test_a_new_conversation_that_is_rejected_keeps_the_thread(shell, server):
    server.scripts[:] = [Stream(recorded.llama("Yes."))]
    saver = InMemorySaver()
    llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
    shell.user_ns["agent"] = create_agent(llm, [], checkpointer=saver)
    shell.run_cell("%chat -m agent One").raise_error()
    failed(shell, "%chat --new -m agent -t 0.3 Two")
    assert not server.bodies[1:]
    shell.run_cell("%chat -m agent Three").raise_error()
    assert len({each.config["configurable"]["thread_id"] for each in saver.list(None)}) == 1


def test_a_thread_that_the_user_bound_is_kept(shell, server, capsys):
    server.scripts[:] = [Stream(recorded.llama("Yes."))]
    llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
    mine = {"configurable": {"thread_id": "mine"}}
    agent = create_agent(llm, [], checkpointer=InMemorySaver()).with_config(mine)
    agent.update_state(mine, {"messages": [("user", "Before"), ("ai", "Yes.")]})
    shell.user_ns["agent"] = agent
    shell.run_cell("%chat -m agent One").raise_error()
    assert capsys.readouterr().out.count("Note:") == 0
    shell.run_cell("%chat -m agent --system Short. Two").raise_error()
    texts = [each.text for each in agent.get_state(mine).values["messages"]]
    assert texts == ["Before", "Yes.", "One", "Yes.", "Two", "Yes."]
    note = "Note: agent keeps its own thread; the system prompt was not sent to it."
    assert note in capsys.readouterr().out


def test_messages_with_another_reducer_get_a_thread_for_each_turn(shell):
    from operator import add
    from typing import Annotated, TypedDict

    class State(TypedDict):
        messages: Annotated[list, add]

    from langchain_core.messages import AIMessage

    seen, saver = [], InMemorySaver()
    graph = StateGraph(State)
    graph.add_node(
        "answer",
        lambda state: seen.append(state["messages"]) or {"messages": [AIMessage("Yes.")]},
    )
    graph.set_entry_point("answer")
    shell.user_ns["graph"] = graph.compile(saver)
    for text in ("One", "Two"):
        shell.run_cell(f"%chat -m graph {text}").raise_error()
    assert [each.text for each in seen[1]] == ["One", "Yes.", "Two"]
    assert len({each.config["configurable"]["thread_id"] for each in saver.list(None)}) == 2


def test_a_checkpointer_that_is_only_synchronous_works(shell, server):
    class Synchronous(InMemorySaver):
        """A saver like SqliteSaver."""

        async def aget_tuple(self, config):
            raise NotImplementedError("The saver does not support async methods.")

    server.scripts[:] = [Stream(recorded.llama("Yes."))]
    llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
    shell.user_ns["agent"] = create_agent(llm, [], checkpointer=Synchronous())
    shell.run_cell("turn = %chat -m agent One").raise_error()
    assert shell.user_ns["turn"].text == "Yes."
    assert len(server.bodies) == 1


def test_the_conversation_continues_after_a_question(shell, server, agent_of):
    agent_of("batched", InMemorySaver())
    failed(shell, "%chat -m agent Write to Ada.")
    shell.run_cell("turn = %chat -m agent Never mind.").raise_error()
    assert shell.user_ns["turn"].text == "Done."


@pytest.mark.parametrize(
    "reviews", [5, {"f": 1}, ["f"], [{"action_name": "f", "allowed_decisions": 7}], None]
)
def test_a_question_of_another_shape_is_shown_anyway(reviews):
    asked = {"action_requests": [{"name": "f", "args": {}}], "review_configs": reviews}
    interrupts = [SimpleNamespace(value=asked, id="1")]
    hint = answer_in_code("agent", interrupts, {"configurable": {"thread_id": "t"}})
    assert "'type': 'approve'" in hint
    said = str(unanswered("agent", interrupts, hint))
    assert said.startswith("agent is waiting for your decision: f() (approve).")
