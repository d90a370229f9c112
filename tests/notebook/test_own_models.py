"""Cells that ask a model object of the user's own, on a server that the notebook does not use."""

import json

import pytest
import recorded
from PIL import Image
from scripted_server import ScriptedServer, Stream

from xinference_magics import ChatXinference, XinferenceLLM
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
