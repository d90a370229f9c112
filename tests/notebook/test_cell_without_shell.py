"""The path of a prompt from its options to the stored turn, without a shell and without magics."""

from types import SimpleNamespace

import pytest
import recorded
from langchain_core.runnables import RunnableLambda
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import ChatXinference
from xinference_magics.chat.conversation import Execution
from xinference_magics.chat.main_thread import MainThread
from xinference_magics.display.background import UnseenView
from xinference_magics.errors import NotebookError, PromptError, ServerError, UsageError
from xinference_magics.notebook.cell_context import CellContext
from xinference_magics.notebook.chatting.building import build
from xinference_magics.notebook.chatting.generating import generate
from xinference_magics.notebook.chatting.options import ChatOptions, GenerateOptions
from xinference_magics.notebook.chatting.run import chat
from xinference_magics.notebook.session.namespace import Namespace
from xinference_magics.notebook.session.session import Session


class Seen(UnseenView):
    """A view that records what it is closed with."""

    closed = dismissed = None

    def close(self, answer, *, raises=False):
        self.closed = answer

    def dismiss(self):
        self.dismissed = True


class Screen:
    """A screen that records what is shown on it."""

    def __init__(self):
        self.views, self.code = [], None

    def view(self, *, live):
        self.views.append(Seen())
        return self.views[-1]

    def background_view(self):
        return UnseenView()

    def fill_next_cell(self, code):
        self.code = code


@pytest.fixture
def cell():
    settings = SimpleNamespace(
        endpoint="http://127.0.0.1:9",
        name="llm",
        system="",
        frame_rate=30,
        server_command="",
        reuse=True,
        temperature=None,
        max_tokens=None,
        top_p=None,
        seed=None,
        connect_timeout=5.0,
        read_timeout=5.0,
    )
    variables, said = {}, []
    session = Session(settings, Namespace(variables, {}), said.append)
    history = SimpleNamespace(input_hist_raw=["", "%%chat"], outputs={}, exceptions={})
    return CellContext(
        session=session,
        execution=Execution(1),
        variables=variables,
        namespace=variables,
        history=history,
        screen=Screen(),
        main_thread=MainThread(),
    )


@pytest.fixture
def server(cell):
    """A server that answers for the model `llm`."""
    with ScriptedServer(Stream(recorded.llama("Yes."))) as made:
        cell.namespace["llm"] = ChatXinference(server_url=made.endpoint, model_uid="tiny")
        yield made


def names(cell):
    return cell.session.conversations.names


def test_a_turn_is_sent_shown_and_stored(cell, server):
    cell.namespace["country"] = "France"
    turn = chat(cell, ChatOptions(model="llm", conversation="travel"), "About {{country}}?")
    assert turn.text == "Yes."
    assert server.bodies[0]["messages"][-1]["content"] == "About France?"
    assert cell.screen.views[0].closed is turn
    assert names(cell) == ["default", "travel"]
    assert cell.session.conversations.find("travel").turns == [turn]


def test_several_models_are_compared(cell, server):
    cell.namespace["chain"] = RunnableLambda(lambda _: "No.")
    comparison = chat(cell, ChatOptions(compare=("chain", "llm"), out="both"), "Is it?")
    assert [turn.text for turn in comparison] == ["No.", "Yes."]
    assert cell.namespace["both"] is comparison
    assert [turn.text for turn in cell.session.conversations.current.turns] == ["No."]


def test_models_named_by_variables_are_compared_under_their_uids(cell, server):
    cell.namespace.update(chain=RunnableLambda(lambda _: "No."), same="chain", mine="llm")
    comparison = chat(cell, ChatOptions(compare=("$same", "$mine")), "Is it?")
    assert comparison.keep("llm").text == "Yes."
    assert comparison.kept_name == "llm"


def test_a_turn_in_the_background(cell, server):
    pending = chat(cell, ChatOptions(model="llm", background=True, conversation="later"), "Hi")
    assert pending.result(20).text == "Yes."
    assert cell.session.conversations.find("later").turns == [pending.result()]


def test_code_goes_into_the_next_cell(cell):
    cell.namespace["chain"] = RunnableLambda(lambda _: "```python\n1 + 1\n```")
    chat(cell, ChatOptions(model="chain", format="code", once=True), "Code")
    assert cell.screen.code == "1 + 1"


def test_only_text_can_be_completed(cell):
    cell.namespace["picture"] = SimpleNamespace(_repr_png_=lambda: b"\x89PNG")
    with pytest.raises(PromptError, match="Only text can be continued"):
        generate(cell, GenerateOptions(), "{{picture}}")


def test_a_request_is_complete_before_anything_is_sent(cell, server):
    conversation = cell.session.conversations.look_up(None)
    options = ChatOptions(model="llm", temperature=0.5, parameter=[("top_k", 3)], think=True)
    [built] = build(cell, options, "Hi", conversation)
    expected = {"temperature": 0.5, "top_k": 3, "enable_thinking": True}
    assert built.question.parameters == expected
    assert not server.bodies


class TestLookingUpAConversationCreatesNone:
    def test_with_show_prompt(self, cell, server):
        chat(cell, ChatOptions(model="llm", conversation="nmaes", show_prompt=True), "Hi")
        assert names(cell) == ["default"]
        assert not server.bodies

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({}, "{{nope}}"),
            ({"parameter": [("nope", 1)]}, "Hi"),
            ({"tools": "nope"}, "Hi"),
            ({"background": True}, "{{nope}}"),
        ],
    )
    def test_with_a_prompt_that_cannot_be_sent(self, cell, server, options, text):
        with pytest.raises((NotebookError, PromptError, ServerError)):
            chat(cell, ChatOptions(model="llm", conversation="nmaes", **options), text)
        assert names(cell) == ["default"]

    @pytest.mark.parametrize("compare", [None, ("llm", "other")])
    def test_with_a_model_that_refuses(self, cell, compare):
        with ScriptedServer(Reply(500, {"detail": "broken"})) as server:
            model = ChatXinference(server_url=server.endpoint, model_uid="tiny", max_retries=0)
            cell.namespace.update(llm=model, other=model)
            options = ChatOptions(
                model=None if compare else "llm", compare=compare, conversation="nmaes"
            )
            with pytest.raises(ServerError):
                chat(cell, options, "Hi")
        assert names(cell) == ["default"]


def test_a_prompt_cannot_follow_a_name_from_a_variable(shell):
    shell.user_ns["name"] = "chat"
    result = shell.run_cell("%xinference $name Hello")
    with pytest.raises(UsageError, match="type chat itself"):
        result.raise_error()
