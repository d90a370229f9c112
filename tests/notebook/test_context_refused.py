"""A model whose context window is smaller than its description says, used from cells."""

import pytest
import recorded
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import ChatXinference
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.cluster.models import RunningModel
from xinference_magics.errors import ContextLengthError

LONG = "The quick brown fox jumps over the lazy dog. " * 40
YES = Stream(recorded.llama("Yes.")[:-1])
REFUSED = Reply(
    500,
    {"detail": "request (1500 tokens) exceeds the available context size (1100 tokens)"},
)
SAID = (
    r"tiny refused the prompt as too long for its 1,100 tokens; "
    r"sent it again without the oldest turn\."
)


def running(**known):
    known = {"engine": "llama.cpp", "context_length": 32_768, **known}
    return RunningModel(uid="tiny", name="tiny", abilities=("chat",), **known)


@pytest.fixture
def server(shell):
    """A server that answers two turns, rejects the third, and answers whatever comes after it."""
    with ScriptedServer(YES, YES, REFUSED, YES) as made:
        shell.user_ns["llm"] = ChatXinference(made.endpoint, "tiny", engine="llama.cpp")
        for letter in "ab":
            shell.run_cell(f"%chat -m llm {letter}{LONG}").raise_error()
        yield made


def sent(server):
    """Return the first letters of the prompts in the last request."""
    return [each["content"][0] for each in server.bodies[-1]["messages"] if each["role"] == "user"]


def test_a_cell_retries_with_fewer_turns_and_says_so(shell, server, capsys):
    shell.run_cell(f"turn = %chat -m llm c{LONG}").raise_error()
    assert shell.user_ns["turn"].text == "Yes."
    assert f"Note: {SAID}".replace("\\", "") in capsys.readouterr().out
    assert sent(server) == ["b", "c"]
    shell.run_cell(f"%chat -m llm d{LONG}").raise_error()  # the limit is known now: one request
    assert len(server.bodies) == 5
    assert "Left out the oldest 2 turns: the context of tiny is full." in capsys.readouterr().out
    shell.run_cell("%chat -m llm --show-prompt Now?").raise_error()
    assert len(server.bodies) == 5


def test_a_background_turn_retries_with_fewer_turns(shell, server, capsys):
    shell.run_cell(f"pending = %chat --bg -m llm c{LONG}").raise_error()
    assert shell.user_ns["pending"].result(20).text == "Yes."
    assert sent(server) == ["b", "c"]
    assert f"Note: {SAID}".replace("\\", "") in capsys.readouterr().out


def test_compared_models_retry_with_fewer_turns(shell, server, capsys):
    with ScriptedServer(YES) as other:
        shell.user_ns["wide"] = ChatXinference(other.endpoint, "wide", engine="llama.cpp")
        shell.run_cell(f"both = %chat --compare llm,wide c{LONG}").raise_error()
        assert [turn.text for turn in shell.user_ns["both"].turns] == ["Yes.", "Yes."]
        assert (sent(server), sent(other)) == (["b", "c"], ["a", "b", "c"])
        assert f"Note: {SAID}".replace("\\", "") in capsys.readouterr().out


def test_a_prompt_that_is_too_long_on_its_own_fails_with_a_remedy(shell):
    with ScriptedServer(REFUSED) as server:
        shell.user_ns["llm"] = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
        result = shell.run_cell(f"%chat -m llm {LONG}")
        with pytest.raises(ContextLengthError, match="Shorten it, or lower --max-tokens"):
            result.raise_error()
        assert len(server.bodies) == 1


def test_the_options_of_a_launch_determine_the_context_of_its_object(magics):
    magics.session.connector._cluster = Cluster("http://h:1")
    request = LaunchRequest(model_name="tiny", extra={"n_parallel": 8})
    magics.session.launches.note("http://h:1", "tiny", request)
    magics.session.use(running())
    llm = magics.session.model
    assert (llm.profile["max_input_tokens"], llm.max_tokens) == (4096, 2048)


@pytest.fixture
def described(magics):
    """Run `describe`, and return the line that it shows about the context."""
    with ScriptedServer() as answers:
        data = {
            "model_type": "LLM",
            "model_engine": "llama.cpp",
            "context_length": 32_768,
            "address": "10.0.0.7:41234",
        }
        worker = {"update_time": 1, "status": {"cpu": {"total": 16.0}}}
        answers["/v1/models/tiny"] = [(200, data)]
        answers["/status"] = [(200, {"workers": {"10.0.0.7:9999": worker}})]
        magics.session.connector._cluster = Cluster(answers.endpoint)

        def describe():
            running = magics.xinference("describe tiny")
            shown = magics.shell.display_formatter.format(running)[0]["text/plain"]
            [line] = [each for each in shown.splitlines() if "per request" in each] or [""]
            return line

        describe.answers = answers
        yield describe


def test_the_slots_of_an_unknown_launch_are_shown_as_a_guess(magics, described):
    assert "about 4,096 (16 CPUs, so n_parallel=8)" in described()
    endpoint = described.answers.endpoint
    assert magics.session.request_context(endpoint, running()) is None  # and not relied on
    described.answers["/status"] = [(403, {"detail": "Not enough permissions"})]
    assert described() == ""


def test_known_limits_are_shown_instead_of_a_guess(magics, described):
    endpoint = described.answers.endpoint
    launched = LaunchRequest(model_name="tiny", extra={"n_parallel": 4})
    magics.session.launches.note(endpoint, "tiny", launched)
    assert "8,192 (launched with n_parallel=4)" in described()
    magics.session.lessons.at(endpoint, "tiny").limit = 1024
    assert "1,024 (the server refused more)" in described()
    magics.session.forget(endpoint, "tiny")
    assert "about" in described()
