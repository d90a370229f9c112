"""Cells that ask a model object of the user's own, on a server that the notebook does not use."""

import json

import pytest
import recorded
from PIL import Image
from scripted_server import ScriptedServer, Stream

from xinference_magics import ChatXinference, XinferenceLLM
from xinference_magics.notebook.chatting import comparing
from xinference_magics.notebook.chatting.generating import Continuation

SCHEMA = {
    "title": "Person",
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}


def dot(folder):
    """Return the path of a small picture."""
    path = folder / "dot.png"
    Image.new("RGB", (4, 4), "red").save(path)
    return path


def events(*deltas):
    """Return a stream as text."""
    sent = [f"data: {json.dumps(each)}\r\n\r\n" for each in recorded.llama(*deltas)]
    return "".join([*sent, "data: [DONE]\r\n\r\n"])


@pytest.mark.parametrize("engine", ["llama.cpp", "Transformers"])
def test_a_schema_does_not_need_the_engine_to_be_named(shell, engine):
    called = {"index": 0, "id": "1", "function": {"name": "Person", "arguments": '{"name": "Ada"}'}}
    said = '{"name": "Ada"}' if engine == "llama.cpp" else {"tool_calls": [called]}
    with ScriptedServer() as server:
        server["GET /v1/models/tiny"] = [(200, {"model_name": "tiny", "model_engine": engine})]
        server["POST /v1/chat/completions"] = [(200, events(said))]
        shell.user_ns |= {"mine": ChatXinference(server.endpoint, "tiny"), "Person": SCHEMA}
        shell.run_cell("answer = %chat -m mine --schema Person Who?").raise_error()
    assert shell.user_ns["answer"].parsed == {"name": "Ada"}


def on(host, **more):
    """Return the description of a model on a machine."""
    return {"model_engine": "llama.cpp", "model_ability": ["chat"], "address": host, **more}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (on("10.0.0.1:2", accelerators=[]), True),
        (on("10.0.0.2:2", accelerators=[]), False),
        (on("10.0.0.1:2", accelerators=["0"]), False),
    ],
)
def test_models_that_share_a_cpu_are_named(shell, capsys, monkeypatch, other, says):
    monkeypatch.setattr(comparing, "_SLOW_SECONDS", 0.0)
    first = on("10.0.0.1:1", accelerators=[])
    with ScriptedServer() as server:
        server["GET /v1/cluster/auth"] = [(200, {"auth": False})]
        server["GET /v1/cluster/version"] = [(200, {"version": "4.1.0"})]
        server["GET /v1/models"] = [(200, {"data": [{"id": "a", **first}, {"id": "b", **other}]})]
        server["GET /v1/models/a"], server["GET /v1/models/b"] = [(200, first)], [(200, other)]
        server["POST /v1/chat/completions"] = [(200, events("Yes."))]
        shell.run_cell(f"%config XinferenceMagics.endpoint = '{server.endpoint}'")
        shell.run_cell("%chat --compare a,b Hello").raise_error()
    note = "Note: a and b share a CPU and slow each other down: ask them one after the other with"
    assert (note in capsys.readouterr().out) is says


def test_its_own_server_is_asked(shell, tmp_path):
    """An attachment needs no other server, whose models of the same name may be different."""
    picture = dot(tmp_path)
    with ScriptedServer(Stream(recorded.llama("A dot."))) as server:
        shell.user_ns["mine"] = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
        shell.run_cell(f"answer = %chat -m mine --image {picture} What is it?").raise_error()
        assert len(server.bodies) == 1
    assert shell.user_ns["answer"].server_version is None


def test_an_attachment_that_its_profile_excludes_is_refused(shell, tmp_path):
    picture = dot(tmp_path)
    profile = {"image_inputs": False}
    shell.user_ns["mine"] = ChatXinference("http://127.0.0.1:9", "tiny", profile=profile)
    error = shell.run_cell(f"%chat -m mine --image {picture} What is it?").error_in_exec
    assert str(error).startswith("tiny does not accept image.")


def test_a_text_model_has_no_known_context():
    """So its server's refusal of a long prompt is shown as it is."""
    assert Continuation(XinferenceLLM("http://127.0.0.1:9", "tiny")).context is None
