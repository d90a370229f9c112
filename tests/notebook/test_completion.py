"""What Tab offers, and what that costs: the lines of the magics, and servers of every kind."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest
from IPython.core.completer import provisionalcompleter
from scripted_server import ScriptedServer

from xinference_magics.notebook.command_line.option import Values
from xinference_magics.notebook.commands import COMMANDS, conversing

SPEC = {
    "model_format": "ggufv2",
    "model_size_in_billions": "0_5",
    "quantizations": ["q4_k_m", "f16"],
}
PYTORCH = {
    "model_format": "pytorch",
    "model_size_in_billions": 7,
    "quantizations": ["none", "Int4"],
}
ANSWERS = {
    "/v1/cluster/auth": {"auth": False},
    "/v1/cluster/version": {"version": "4.1.0"},
    "/v1/model_registrations/LLM": [
        {"model_name": name}
        for name in ("qwen2.5-instruct", "Qwen3", "llama-3.3", "my-qwen", "a b", "x\n!rm -rf ~")
    ],
    "/v1/model_registrations/embedding": [{"model_name": "bge-small"}],
    "/v1/engines/LLM/Qwen3": {
        "vLLM": [{**PYTORCH, "virtualenv_required": True}],
        "llama.cpp": [SPEC],
        "Transformers": [PYTORCH],
        "MLX": "not on this machine",
    },
    "/v1/models": {
        "data": [
            {"id": "talker", "model_ability": ["chat"]},
            {"id": "writer", "model_ability": ["generate"]},
            {"id": "vectors", "model_type": "embedding", "model_ability": ["embed"]},
        ]
    },
    "/status": {"workers": {"10.0.0.1:9978": {}, "10.0.0.2:9978": {}}},
    "/v1/models/instances": [
        {"model_uid": "coming", "replica_statuses": [{"status": "LOADING"}]},
        {"model_uid": "talker", "replica_statuses": [{"status": "READY"}]},
    ],
}


@contextmanager
def running_server():
    """Run a server that has these models and records its requests."""
    with ScriptedServer() as answers:
        answer(answers, 200)
        yield answers


def answer(server, status):
    """Answer everything with this status, except whether credentials are required."""
    for path, body in ANSWERS.items():
        server[path] = [(200 if path == "/v1/cluster/auth" else status, body)]


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    with running_server() as made:
        monkeypatch.setenv("XINFERENCE_ENDPOINT", made.endpoint)
        yield made


@pytest.fixture
def tab(shell):
    """Press Tab at the end of `code`; return what is offered for the word there."""

    def press(code):
        with provisionalcompleter():
            found = list(shell.Completer.completions(code, len(code)))
        return [each.text for each in found if each._origin == "xinference_magics"]

    return press


@pytest.fixture
def tab_until(tab):
    """Press Tab repeatedly until something is offered, as a person does."""

    def press(code):
        deadline = time.monotonic() + 120
        while not (found := tab(code)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    return press


def test_commands(tab):
    assert tab("%xinference ") == [*COMMANDS, "help"]
    assert tab("x = %xinference la") == ["launch"]
    assert tab("%xinference help la") == ["launch"]
    assert tab("%conversation fo") == ["fork"]
    assert tab("%conversation ") == [*conversing.COMMANDS, "help"]


def test_a_model_may_be_the_first_word(server, tab, tab_until):
    assert tab_until("%xinference launch ") == tab_until("%xinference launch -n ")
    assert tab_until("%xinference launch Qwen3 -f ") == ["ggufv2", "pytorch"]
    assert tab("%xinference launch --dr") == ["--dry-run"]
    assert tab_until("%xinference engine Qwen3") == ["Qwen3"]


def test_options(tab):
    assert tab("%%chat --te") == ["--temperature"]
    assert tab("%xchat --te") == ["--temperature"]
    assert tab("%xinference chat --te") == ["--temperature"]
    assert tab("%%generate --max") == ["--max-tokens"]
    assert tab("%xinference launch --model_p") == ["--model_path"]
    assert "--quantization" in tab("%xinference launch -n x ")
    assert "--model-name" not in tab("%xinference launch -n x ")
    assert tab("%xinference terminate --mo") == ["--model-uid"]
    assert "--model-uid" not in tab("%xinference replicas --model-uid m 3 --")
    assert "--env" in tab("%xinference launch --env A 1 ")
    assert not [flag for flag in tab("%xinference launch -") if "api" in flag]


def test_options_after_the_data_of_a_map(tab):
    assert tab("%%map reviews[reviews.stars > 1] --sch") == ["--schema"]
    assert "--out" in tab("%%map reviews ")
    assert tab("%%map load('a -o b') --pre") == ["--prefix"]
    assert "--limit" in tab("%%map reviews --")
    assert tab("%%map rev") == tab("%%map reviews[") == []


def test_values_that_need_no_server(tab):
    assert tab("%xinference launch -t emb") == ["embedding"]
    assert tab("%xinference launch --model-type=emb") == ["embedding"]
    assert tab("%xinference launch \\\n  -n x -t emb") == ["embedding"]
    assert tab("%xinference launch --trust-remote-code ") == ["true", "false"]
    assert tab("%%chat -p top_") == ["top_p=", "top_k=", "top_logprobs="]


@pytest.mark.parametrize(
    "code",
    [
        "%chat Hello there --te",
        "%%chat\n--te",
        "%chat -- --te",
        "launch = 1 % chat --te",
        "%xinference nothing --te",
        "%xinference launch --env A ",
        "%timeit chat --te",
    ],
)
def test_nothing_is_offered_in_prompts_and_elsewhere(tab, code):
    assert tab(code) == []


def test_names_come_from_the_registry_of_the_given_type(tab_until, server):
    assert tab_until("%xinference launch -n qw") == ["qwen2.5-instruct", "Qwen3"]
    assert tab_until("%xinference launch -n 3.3") == ["llama-3.3"]
    assert tab_until("%xinference launch -t embedding -n ") == ["bge-small"]


def test_names_that_are_not_one_word_of_a_cell_are_not_offered(tab_until, server):
    offered = tab_until("%xinference launch -n ")
    assert offered == ["qwen2.5-instruct", "Qwen3", "llama-3.3", "my-qwen"]


def test_engines_formats_sizes_and_quantizations_match_the_line(tab_until, server):
    launch = "%xinference launch -n Qwen3 "
    assert tab_until(f"{launch}-en ") == ["llama.cpp", "Transformers", "vLLM"]
    assert tab_until(f"{launch}-f ") == ["ggufv2", "pytorch"]
    assert tab_until(f"{launch}-f pytorch -s ") == ["7"]
    assert tab_until(f"{launch}-s 0.5 -q ") == ["q4_k_m", "f16"]
    assert tab_until(f"{launch}-en transformers -q ") == ["none", "Int4"]
    assert tab_until("%xinference launch -q i -n Qwen3 -en vllm -q i") == ["Int4"]


def test_uids_are_those_of_capable_models(tab, tab_until, server):
    assert tab_until("%xinference use ") == ["talker", "writer", "vectors"]
    assert tab_until("%%chat -m ") == ["talker"]
    assert tab_until("%%chat --compare ") == ["talker"]
    assert tab_until("%%chat --compare mine,ta") == ["talker"]
    assert tab("%%chat --compare talker,") == []
    assert tab_until("%%generate --model-uid ") == ["writer"]
    assert tab_until("%xinference cancel ") == ["coming"]


def test_uids_after_their_flag(tab_until, server):
    assert tab_until("%xinference terminate --model-uid wri") == ["writer"]
    assert tab_until("%xinference terminate --model-uid=wri") == ["writer"]


def test_workers(tab_until, server):
    workers = ["10.0.0.1:9978", "10.0.0.2:9978"]
    assert tab_until("%xinference launch -n Qwen3 --worker-ip ") == workers
    assert tab_until("%xinference logs -w ") == workers


def test_the_server_named_in_the_line_is_asked(tab_until, server, closed_port):
    elsewhere = f"-e http://127.0.0.1:{closed_port}"
    assert tab_until(f"%xinference list -e {server.endpoint} ") == ["--help"]
    assert tab_until(f"%xinference launch -e {server.endpoint} -n ll") == ["llama-3.3"]
    assert "--as" in tab_until(f"%xinference use {elsewhere} ")


def test_a_source_can_be_added(tab, magics):
    assert tab("%%chat -c ") == ["default"]
    magics.session.conversations.begin("recipes")
    assert tab("%%chat -c rec") == ["recipes"]
    magics._completer.sources[Values.WORKER] = lambda _: ["10.0.0.9:9978"]
    assert tab("%xinference launch --worker-ip ") == ["10.0.0.9:9978"]


def test_a_slow_server_keeps_nobody_waiting(tab, tab_until, server):
    server.gate.clear()
    assert tab("%xinference launch -n q") == []
    assert tab("%xinference launch -n qw") == []
    server.gate.set()
    assert tab_until("%xinference launch -n qw") == ["qwen2.5-instruct", "Qwen3"]
    assert len([path for path in server.paths if "registrations" in path]) == 1


def test_an_old_answer_is_offered_while_it_is_refreshed(tab, tab_until, server, magics):
    tab_until("%xinference use ")
    magics.session.connector.changes += 1
    server.gate.clear()
    assert tab("%xinference use ") == ["talker", "writer", "vectors"]


@pytest.fixture
def tab_and_wait(tab, magics):
    """Press Tab, and wait until no request is pending."""

    def press(code):
        tab(code)
        deadline = time.monotonic() + 120
        while magics._completer._known._queue:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    return press


LINES = ("%xinference launch -n ", "%xinference use ", "%%chat -m ")


@pytest.mark.parametrize("status", [401, 429])
def test_a_server_that_refuses_is_not_asked_again(tab_and_wait, tab_until, server, magics, status):
    answer(server, status)
    for line in LINES:
        tab_and_wait(line)
    refused = [path for path in server.paths if path != "/v1/cluster/auth"]
    assert len(refused) == 1
    answer(server, 200)
    magics.session.connector.changes += 1  # a command has succeeded
    assert tab_until("%xinference launch -n qw") == ["qwen2.5-instruct", "Qwen3"]


def test_a_dead_server_is_asked_once(tab_and_wait, monkeypatch, tmp_path):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("XINFERENCE_ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")

        def hang_up():
            listening.accept()[0].close()

        hanging_up = threading.Thread(target=hang_up)
        hanging_up.start()
        for line in (*LINES, *LINES):
            tab_and_wait(line)
        hanging_up.join()
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_magic_of_another_extension_is_left_to_it(shell, tab):
    shell.register_magic_function(lambda line: line, "line", "chat")
    assert tab("%chat --te") == []
    assert tab("%xchat --te") == ["--temperature"]
    del shell.magics_manager.magics["line"]["chat"]


def test_the_default_conversation_is_offered(tab):
    assert tab("%conversation use d") == ["default"]
