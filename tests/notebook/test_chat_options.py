"""What the options of a chat cell put into the request."""

import re

import pytest
import recorded
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableLambda, chain
from PIL import Image
from scripted_server import ScriptedServer, Stream

from xinference_magics import ChatXinference
from xinference_magics.errors import NotebookError, PromptError, UsageError
from xinference_magics.wire.profile import model_profile


@pytest.fixture
def request_of(shell):
    """Run a cell with `-m llm`, and return the request that the server received."""
    with ScriptedServer(Stream(recorded.llama("Yes."))) as server:
        shell.user_ns["llm"] = ChatXinference(server_url=server.endpoint, model_uid="tiny")

        def run(cell):
            before = len(server.bodies)
            shell.run_cell(cell).raise_error()
            [body] = server.bodies[before:]
            return body

        yield run


def test_parameters(request_of):
    body = request_of("%chat -m llm -t 0.5 --max-tokens 7 -p top_k=3 Hello")
    assert (body["temperature"], body["max_tokens"], body["top_k"]) == (0.5, 7, 3)


def test_options_take_precedence_over_the_model_object(request_of, shell):
    shell.user_ns["llm"] = shell.user_ns["llm"].model_copy(update={"temperature": 1.0})
    assert request_of("%chat -m llm Hello")["temperature"] == 1.0
    assert request_of("%chat -m llm -t 0 Hello")["temperature"] == 0.0


def test_a_system_prompt_comes_first(request_of):
    body = request_of('%chat -m llm -s "Be brief." Hello')
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == "Be brief."


def test_thinking_is_switched(request_of):
    assert request_of("%chat -m llm --think Hello")["enable_thinking"] is True
    assert request_of("%chat -m llm --no-think Hello")["enable_thinking"] is False


@pytest.mark.parametrize("background", ["", "--bg "])
def test_thinking_requested_from_a_model_without_reasoning(request_of, shell, capsys, background):
    note = "Note: tiny is not listed as a reasoning model: --think has no effect.\n"
    for abilities, says in [(["chat"], True), (["chat", "hybrid"], False)]:
        profile = model_profile(abilities, None)
        shell.user_ns["llm"] = shell.user_ns["llm"].model_copy(update={"profile": profile})
        for options, asked in [("--think", True), ("-p enable_thinking=true", True), ("", False)]:
            shell.user_ns.pop("turn", None)
            shell.run_cell(f"turn = %chat --once {background}-m llm {options} Hi").raise_error()
            if background:
                shell.user_ns["turn"].result(20)
            said = [line for line in capsys.readouterr().out.splitlines(True) if "reason" in line]
            assert said == ([note] if says and asked else [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--schema dict --tools print", "leave one out"),
        ("--compare a,b -m a", "name that model in --compare"),
        ("--compare a,b --tools print --confirm", "leave out --compare"),
        ("--bg --tools print", "leave out --bg"),
        ("--bg --compare a,b", "leave out --bg"),
        ("--bg --confirm", "leave out --bg"),
        ("--bg --stream false", "leave one out"),
        ("--think --no-think", "--think and --no-think contradict each other: leave one out"),
        ("--no-think -t 0 --think", "leave one out"),
        ("--confirm", "there are no tools: add --tools"),
        ("--retries 2", "add --schema"),
        ("--once --new", "leave out --new"),
        ("--once -c trips", "leave out -c trips"),
    ],
)
def test_contradictory_options_are_rejected(shell, options, message):
    with ScriptedServer(Stream(recorded.llama("Yes."))) as server:
        shell.user_ns["a"] = ChatXinference(server_url=server.endpoint, model_uid="tiny")
        result = shell.run_cell(f"%chat {options} Hello")
        with pytest.raises(UsageError, match=message):
            result.raise_error()
        assert not server.bodies


def test_a_word_after_the_options_of_a_cell_may_be_a_model(shell):
    result = shell.run_cell("%%chat -t 0 q15\nHello")
    with pytest.raises(UsageError, match=r"unexpected 'q15': to ask a model .* type -m q15; the"):
        result.raise_error()
    result = shell.run_cell("%%chat -t 0 -o answer <<\nHello")
    with pytest.raises(UsageError, match="unexpected '<<': the prompt goes on the lines below"):
        result.raise_error()
    result = shell.run_cell("%%chat what is it\nHello")
    with pytest.raises(UsageError, match=r"unexpected 'what is it': .* the lines below \(help"):
        result.raise_error()


def test_a_cell_magic_without_a_body_is_explained(shell):
    result = shell.run_cell("%%chat what is it")
    with pytest.raises(UsageError, match=r"on the lines below, or after %chat with one % \(help"):
        result.raise_error()
    result = shell.run_cell("%%chat")
    with pytest.raises(UsageError, match="there is no prompt"):
        result.raise_error()
    result = shell.run_cell("%%chat --fix")
    with pytest.raises(PromptError, match="no cell of this session has failed yet"):
        result.raise_error()
    result = shell.run_cell("%%conversation edit 1")
    with pytest.raises(NotebookError, match="There is no new text"):
        result.raise_error()


def test_an_answer_that_is_not_json_says_so(shell, capsys):
    shell.user_ns["plain"] = str.upper
    shell.run_cell("%chat -m plain -f json Hello").raise_error()
    note = "Note: The answer of plain is not JSON, so it is shown as text.\n"
    assert note in capsys.readouterr().out
    shell.run_cell("%chat -m plain -f json [1]").raise_error()
    assert "not JSON" not in capsys.readouterr().out


def test_a_new_conversation_is_announced(shell, capsys):
    shell.user_ns["plain"] = str.upper
    shell.run_cell("%conversation use trips")
    assert "New conversation trips.\nCurrent: trips, 0 turns." in capsys.readouterr().out
    shell.run_cell("%chat -m plain -c trip Hello").raise_error()
    assert "New conversation trip. Did you mean trips?\n" in capsys.readouterr().out
    for line in ("%chat -m plain -c trip Hello", "%chat -m plain Hello", "%conversation use trip"):
        shell.run_cell(line).raise_error()
        assert "New" not in capsys.readouterr().out
    shell.run_cell("%chat -c other --show-prompt -m plain Hello").raise_error()
    assert "New" not in capsys.readouterr().out
    result = shell.run_cell("%conversation show -c tripz")
    with pytest.raises(NotebookError, match=r"no conversation tripz\. Did you mean trip"):
        result.raise_error()


def test_a_variable_that_is_not_a_model_is_explained(shell):
    missing = [(404, {"detail": "Model not found, uid: uid"})]
    with ScriptedServer() as server:
        server["/v1/cluster/auth"] = [(200, {"auth": False})]
        server["/v1/cluster/version"] = [(200, {"version": "4.1.0"})]
        server["/v1/models/instances"] = [(200, [])]
        server["/v1/models"] = [(200, {"data": []})]
        server["/v1/models/uid"] = server["/v1/models/x"] = missing
        shell.run_cell(f"%config XinferenceMagics.endpoint = '{server.endpoint}'")
        shell.user_ns |= {"uid": "tiny", "x": 5}
        for name, says in {
            "uid": "uid holds a value of type str. -m $uid asks the model whose UID it holds.",
            "x": "No running model is called x, and the variable x holds a value of type int.",
        }.items():
            result = shell.run_cell(f"%chat -m {name} Hello")
            with pytest.raises(PromptError, match=re.escape(says)):
                result.raise_error()


async def later(prompt):
    return prompt.upper()


@pytest.mark.parametrize("function", [str.upper, later, lambda prompt: prompt.upper()])
def test_a_plain_function_answers(shell, function):
    shell.user_ns["plain"] = function
    shell.run_cell("turn = %chat -m plain Hello").raise_error()
    assert (shell.user_ns["turn"].text, shell.user_ns["turn"].model_uid) == ("HELLO", "plain")


@pytest.mark.parametrize(
    ("options", "lost"), [("--image dot", "image"), ("--system 'Be brief.'", "--system")]
)
def test_what_a_function_would_not_get_is_refused(shell, options, lost):
    shell.user_ns |= {"plain": str.upper, "dot": Image.new("RGB", (4, 4), "red")}
    result = shell.run_cell(f"%chat -m plain {options} What is it?")
    with pytest.raises(NotebookError, match=f"plain takes text only, so it would not get {lost}"):
        result.raise_error()
    shell.user_ns["agent"] = RunnableLambda(lambda asked: asked[-1].text).with_types(
        input_type=list[BaseMessage]
    )
    shell.run_cell(f"turn = %chat -m agent {options} What is it?").raise_error()
    assert shell.user_ns["turn"].text == "What is it?"


def test_a_function_that_does_not_take_a_prompt_says_so(shell):
    shell.user_ns["plain"] = lambda: "x"
    result = shell.run_cell("%chat -m plain Hello")
    with pytest.raises(TypeError, match="takes 0 positional arguments"):
        result.raise_error()


def test_a_synchronous_generator_answers(shell):
    @chain
    def plain(_prompt):
        yield "Hel"
        yield "lo."

    shell.user_ns["plain"] = plain
    shell.run_cell("turn = %chat --once -m plain Hi").raise_error()
    assert shell.user_ns["turn"].text == "Hello."
