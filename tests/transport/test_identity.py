"""Which credentials are sent: found at each request, in a documented order, never expired."""

import base64
import hashlib
import json
import pickle
import subprocess
import sys
import time

import pytest
from langchain_core.load import dumps

from xinference_magics import ChatXinference
from xinference_magics.auth.identity import Identity
from xinference_magics.auth.login import Login, Tokens
from xinference_magics.errors import AuthenticationError
from xinference_magics.process import ProcessIdentity

ENDPOINT = "http://127.0.0.1:9997"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XINFERENCE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XINFERENCE_API_KEY", raising=False)
    monkeypatch.delenv("XINFERENCE_ENDPOINT", raising=False)
    return tmp_path / "home"


def jwt(life):
    middle = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + life}).encode()).decode()
    return f"e30.{middle.rstrip('=')}.sig"


def left_by_cli(home, endpoint, token):
    """Save a token as `xinference login -e ENDPOINT` does."""
    path = home / "auth" / hashlib.sha256(endpoint.encode()).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(token)
    return path


def log_in(endpoint=ENDPOINT):
    Login(endpoint).keep(Tokens("ann", "ours", "refresh", time.time() + 1800, 1800))


def test_the_order(home, monkeypatch):
    identity = Identity(ENDPOINT)
    with pytest.raises(AuthenticationError, match="requires credentials: none are saved") as caught:
        identity()
    assert "api_key=..." in caught.value.hint
    cli = jwt(600)
    left_by_cli(home, ENDPOINT, cli)
    assert (identity(), identity.said) == (cli, "with the command line's login")
    monkeypatch.setenv("XINFERENCE_API_KEY", "xf-key")
    assert (identity(), identity.said) == ("xf-key", "with the key in XINFERENCE_API_KEY")
    log_in()
    assert (identity(), identity.said) == ("ours", "logged in as ann")
    Login(ENDPOINT).keep(Tokens.of_key("xf-kept"))
    assert (identity(), identity.said) == ("xf-kept", "with an API key")


@pytest.mark.parametrize(
    "typed",
    [
        "http://127.0.0.1:9997",
        "http://127.0.0.1:9997/",
        "http://localhost:9997",
        "http://localhost:9997/",
        "http://0.0.0.0:9997",
    ],
)
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9997", "http://localhost:9997"])
def test_the_command_line_hashes_what_was_typed(home, typed, endpoint):
    token = jwt(600)
    left_by_cli(home, typed, token)
    assert Identity(endpoint)() == token
    assert Identity("http://127.0.0.1:9998").left_by_cli() is None


def test_the_configured_spelling_is_looked_up(home, monkeypatch):
    monkeypatch.setenv("XINFERENCE_ENDPOINT", "http://GPU:9997/v1")
    token = jwt(600)
    left_by_cli(home, "http://GPU:9997/v1", token)
    assert Identity("http://gpu:9997")() == token


def test_of_several_tokens_the_longest_lived_is_used(home):
    left_by_cli(home, "http://localhost:9997", jwt(-5))
    token = jwt(900)
    left_by_cli(home, "http://127.0.0.1:9997", token)
    left_by_cli(home, "http://127.0.0.1:9997/", jwt(100))
    assert Identity(ENDPOINT)() == token


@pytest.mark.parametrize(
    "content",
    ["", "nonsense", "a.b.c", "e30.W10.x", "e30.e30.x", pytest.param(jwt(-1), id="expired")],
)
def test_an_expired_or_broken_token_of_the_command_line_is_not_sent(home, content):
    left_by_cli(home, ENDPOINT, content)
    with pytest.raises(AuthenticationError, match="command line's login has expired"):
        Identity(ENDPOINT)()


def test_a_binary_file_of_the_command_line_is_not_sent(home):
    left_by_cli(home, ENDPOINT, "").write_bytes(b"\xff\xfe.\xff")
    assert Identity(ENDPOINT).token() is None


def test_a_login_belongs_to_one_server():
    log_in()
    assert Identity("http://localhost:9997")() == "ours"
    assert Identity("http://127.0.0.1:9998").token() is None


@pytest.mark.parametrize("content", ["", "[]", '{"access": 1}', '{"unknown": "x"}', "{"])
def test_a_broken_file_is_not_a_login(content):
    log_in()
    Login(ENDPOINT)._file.write_text(content)
    assert Identity(ENDPOINT).token() is None


def test_the_key_of_a_model_comes_first(monkeypatch):
    log_in()
    assert ChatXinference(ENDPOINT, "tiny")._token() == "ours"
    assert ChatXinference(ENDPOINT, "tiny", api_key="xf-mine")._token() == "xf-mine"
    assert not ChatXinference(ENDPOINT, "tiny", api_key="")._token()
    monkeypatch.setenv("XINFERENCE_API_KEY", "xf-key")
    assert ChatXinference(ENDPOINT, "tiny")._token() == "ours"
    assert ChatXinference("http://other:1", "tiny")._token() == "xf-key"


def test_an_object_finds_its_credentials_wherever_it_goes(monkeypatch):
    monkeypatch.setenv("XINFERENCE_API_KEY", "xf-key-of-the-environment")
    log_in()
    model = ChatXinference(ENDPOINT, "tiny")
    parcel = pickle.dumps(model)
    shown = f"{parcel!r}{dumps(model)}{model!r}{model.model_dump()}{model.model_dump_json()}"
    assert "ours" not in shown
    assert "xf-key" not in shown
    assert pickle.loads(parcel)._token() == "ours"  # noqa: S301
    assert model.model_copy()._token() == model.model_copy(deep=True)._token() == "ours"
    Login(ENDPOINT)._file.unlink()
    assert pickle.loads(parcel)._token() == "xf-key-of-the-environment"  # noqa: S301
    mine = pickle.loads(pickle.dumps(ChatXinference(ENDPOINT, "tiny", api_key="xf-mine")))  # noqa: S301
    assert mine._token() == "xf-mine"


def test_the_key_of_the_private_server_is_for_its_process_only(monkeypatch):
    monkeypatch.setenv("XINFERENCE_API_KEY", "xf-of-another")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        Login(ENDPOINT).keep(Tokens.of_key("xf-private", ProcessIdentity.of(process.pid)))
        model = ChatXinference(ENDPOINT, "tiny")
        assert model._token() == "xf-private"
    assert model._token() is None
