"""Keys and passwords that cannot be sent are rejected in one line, and no exception holds any.

They are planted in all forms, and searched for in messages, logs, exception chains and frames.
"""

import asyncio
import copy
import gc
import logging
import os
import subprocess
import sys
import traceback
from types import FrameType, FunctionType, ModuleType

import pytest
import recorded
from langchain_core.documents import Document
from recording_proxy import RecordingProxy
from scripted_server import Reply, ScriptedServer, Stream
from token_server import TokenServer

from xinference_magics import (
    ChatXinference,
    XinferenceEmbeddings,
    XinferenceLLM,
    XinferenceRerank,
)
from xinference_magics.auth.identity import Identity
from xinference_magics.auth.login import Login, Tokens
from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import AuthenticationError, ConnectError, XinferenceError
from xinference_magics.files import write_private
from xinference_magics.transport.traces import forgotten

PLANTED = "planted"
UNFIT = {
    "a line break inside": (f"xf-{PLANTED}\nmore", "they contain a line break or another"),
    "a carriage return": (f"xf-{PLANTED}\r\nX-Other: 1", "they contain a line break or another"),
    "a tab": (f"xf-{PLANTED}\tmore", "they contain a line break or another"),
    "a zero": (f"xf-{PLANTED}\0", "they contain a line break or another"),
    "no Latin-1": (f"xf-{PLANTED}-ключ-€", "they contain a character that is not ASCII"),
    "Latin-1": (f"xf-{PLANTED}-ü", "they contain a character that is not ASCII"),
    "half a character": (f"xf-{PLANTED}-\ud83d", "they contain a character that is not ASCII"),
    "bytes": (f"xf-{PLANTED}".encode(), "supplies them returned bytes, not a string"),
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XINFERENCE_HOME", str(tmp_path / "home"))
    for name in ("XINFERENCE_API_KEY", "XINFERENCE_ENDPOINT", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with ScriptedServer(Reply(500, "Internal Server Error")) as made:
        yield made


def asked(url, kind=XinferenceError, **given):
    """Call each class, synchronously and asynchronously; yields the error of each call."""
    at = {"server_url": url, "model_uid": "tiny", "timeout": (2.0, 2.0), **given}
    chat, text = ChatXinference(**at), XinferenceLLM(**at)
    vectors, ranks = XinferenceEmbeddings(**at), XinferenceRerank(**at)
    documents = [Document("a")]

    async def streamed():
        return [each async for each in chat.astream("x")]

    for call in (
        lambda: chat.invoke("x"),
        lambda: list(chat.stream("x")),
        lambda: text.invoke("x"),
        lambda: vectors.embed_query("x"),
        lambda: ranks.compress_documents(documents, "x"),
        lambda: asyncio.run(chat.ainvoke("x")),
        lambda: asyncio.run(streamed()),
        lambda: asyncio.run(text.ainvoke("x")),
        lambda: asyncio.run(vectors.aembed_query("x")),
        lambda: asyncio.run(ranks.acompress_documents(documents, "x")),
    ):
        with pytest.raises(kind) as caught:
            call()
        yield caught.value


def told(error):
    """Return all that is shown of an exception, with what its frames outside of tests hold."""
    ours = traceback.TracebackException.from_exception(error, capture_locals=True)
    todo, seen = [ours], []
    while todo:
        each = todo.pop()
        if each is not None and each not in seen:
            seen.append(each)
            todo += [each.__cause__, each.__context__]
            each.stack = traceback.StackSummary.from_list(
                [frame for frame in each.stack if "/tests/" not in frame.filename]
            )
    return "".join("".join(each.format(chain=False)) for each in seen)


def held(error):
    """Return all text that can be reached from an exception, including through its attributes."""
    todo, seen, texts = [error], {}, []
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, type | ModuleType | FunctionType | FrameType):
            continue
        seen[id(each)] = each
        if isinstance(each, str | bytes):
            texts.append(repr(each))
        elif not type(each).__module__.startswith(("asyncio", "_asyncio", "logging")):
            todo += gc.get_referents(each)
    return "\n".join(texts)


def knows(error, *secrets):
    """Return the secrets that can be found through an exception."""
    everything = f"{error} {error!r}\n{told(error)}\n{held(error)}"
    return [secret for secret in secrets if secret in everything]


def bearing(source, url, key, monkeypatch):
    """Make a key available from a source; return what to pass to a model for it."""
    if source == "the object":
        return {"api_key": key}
    if source == "a source of tokens":
        return {"token_source": lambda: key}
    if source == "the environment":
        monkeypatch.setenv("XINFERENCE_API_KEY", key)
    else:
        Login(url).keep(Tokens("ann", key, "", 1e12, 1e12))
    return {}


IMPOSSIBLE = {(each, "the environment") for each in ("a zero", "half a character")}
SOURCES = ("the object", "a source of tokens", "the environment", "a login")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("unfit", UNFIT)
def test_keys_that_no_header_can_carry(server, monkeypatch, caplog, source, unfit):
    key, says = UNFIT[unfit]
    if (unfit, source) in IMPOSSIBLE or (unfit == "bytes" and source != "a source of tokens"):
        return
    caplog.set_level(logging.DEBUG)
    for error in asked(server.endpoint, **bearing(source, server.endpoint, key, monkeypatch)):
        assert type(error) is AuthenticationError
        assert says in error.message
        assert "api_key=..." in error.hint
        assert len(str(error).splitlines()) == 1
        assert not knows(error, PLANTED)
    assert PLANTED not in caplog.text
    assert not server.requests


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("key", ["xf-key\n", "\r\n xf-key\t\n", "\u2028xf-key\xa0"])
def test_white_space_around_a_key_is_dropped(server, monkeypatch, source, key):
    for error in asked(server.endpoint, **bearing(source, server.endpoint, key, monkeypatch)):
        assert error.status == 500
    sent = {each.headers.get("Authorization") for each in server.requests}
    assert sent == {"Bearer xf-key"}


def test_a_blank_key_is_ignored(server, monkeypatch):
    monkeypatch.setenv("XINFERENCE_API_KEY", " \n")
    identity = Identity(server.endpoint)
    assert (identity.said, identity.token()) == ("", None)
    for given in ({}, {"api_key": "\n"}, {"token_source": lambda: " "}):
        assert all(error.status == 500 for error in asked(server.endpoint, **given))
    assert {each.headers.get("Authorization") for each in server.requests} == {None}


def test_a_typed_key_is_stored_without_white_space():
    assert Tokens.of_key(" xf-key\n").access == "xf-key"


@pytest.mark.parametrize("unfit", UNFIT)
def test_the_management_api_rejects_such_keys_too(server, unfit):
    key, says = UNFIT[unfit]
    cluster = Cluster(server.endpoint, token=lambda: key)
    for call in (cluster.models, lambda: cluster.terminate("tiny"), cluster.workers):
        with pytest.raises(AuthenticationError, match=says) as caught:
            call()
        assert not knows(caught.value, PLANTED)
    assert not server.requests


def test_a_token_source_that_fails_to_encode_its_token(server):
    """The exception holds all that was to be encoded."""

    def source():
        return f"xf-{PLANTED}-€".encode("latin-1").decode()

    for error in asked(server.endpoint, UnicodeEncodeError, token_source=source):
        assert not knows(error, PLANTED)
    assert not server.requests


def test_decoding_errors_of_users_are_left_alone():
    """No request was involved."""
    raised = []

    def decode():
        try:
            b"abc\xff".decode()
        except UnicodeDecodeError as error:
            raised.append(error)
            raise

    with pytest.raises(UnicodeDecodeError), forgotten():
        decode()
    assert (raised[0].object, copy.copy(raised[0]).start) == (b"abc\xff", 3)


IN_DEBUG = """
import asyncio, logging, os
from xinference_magics.transport.bearer import Bearer

logging.basicConfig(level="DEBUG")

async def ask():
    asyncio.get_running_loop().slow_callback_duration = 0.0
    return len(await Bearer("http://h", lambda: os.environ["PLANTED"]).without_blocking())

print(asyncio.run(ask(), debug=True))
"""


def test_debug_logs_of_asyncio_do_not_show_a_token():
    """They show tasks that take long, with their return values.

    A separate process has asyncio's own loop: nest_asyncio, which other tests may have applied,
    replaces the method that logs.
    """
    done = subprocess.run(
        [sys.executable, "-c", IN_DEBUG],
        env={**os.environ, "PLANTED": PLANTED},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(len(PLANTED))]
    assert "Executing" in done.stderr
    assert PLANTED not in done.stderr


FAULTS = {
    "401": Reply(401, {"detail": "No"}),
    "500": Reply(500, "Internal Server Error"),
    "a page": Reply(200, "<html></html>", {"Content-Type": "text/html"}),
    "no JSON": Reply(200, "{'a':", {"Content-Type": "application/json"}),
    "redirects": Reply(307, "", {"Location": "/v1/rerank"}),
    "redirects to nowhere": Reply(307, "", {"Location": "http://[::1"}),
    "too short": Reply(200, "{}", {"Content-Length": "500", "Content-Type": "application/json"}),
    "bad gzip": Reply(200, "x", {"Content-Encoding": "gzip"}),
    "an error event": Stream([b'data: {"error": "boom"}\n\n']),
}
BROKEN = {each: Stream(recorded.llama("One")[:2], end=each) for each in ("torn", "reset")}


@pytest.mark.parametrize("fault", [*FAULTS, *BROKEN])
def test_no_exception_leads_to_a_key_that_was_sent(fault):
    with ScriptedServer((FAULTS | BROKEN)[fault]) as server:
        for error in asked(server.endpoint, token_source=source_of(f"xf-{PLANTED}")):
            assert not knows(error, PLANTED)
        assert server.requests


class source_of:  # noqa: N801  # used as a function
    """A source of tokens that does not show its token."""

    def __init__(self, token):
        self.read = iter(lambda: token, None).__next__

    def __call__(self):
        return self.read()


ELSEWHERE = "http://models.example:9997"
PROXIES = (
    *("http://me:пароль-{secret}@127.0.0.1:{port}", "http://{secret}-€:x@127.0.0.1:{port}"),
    *("http://me:%D0%BF-€-{secret}@127.0.0.1:{port}", "http://me:a/{secret}@127.0.0.1:{port}"),
    *("http://me:1/{secret}@127.0.0.1:{port}", "http://me:1#{secret}@127.0.0.1:{port}"),
    *("http://me:1?{secret}@127.0.0.1:{port}", "http://me:[{secret}@127.0.0.1:{port}"),
    *("http://me:{secret}@127.0.0.1:{port}", "socks5h://me:{secret}@127.0.0.1:{port}"),
    *("http://me:{secret}@127.0.0.1:99999", "ftp://me:{secret}@127.0.0.1:{port}"),
)


@pytest.mark.parametrize("named", PROXIES)
def test_no_exception_holds_the_password_of_a_proxy(monkeypatch, closed_port, named):
    monkeypatch.setenv("http_proxy", named.format(secret=PLANTED, port=closed_port))
    for error in asked(ELSEWHERE):
        assert type(error) is ConnectError
        assert "http_proxy" in error.hint
        assert not knows(error, PLANTED, "cGxhbnRlZA", "bWU6cGxhbnRlZA")
    with pytest.raises(ConnectError) as caught:
        Cluster(ELSEWHERE).models()
    assert not knows(caught.value, PLANTED, "cGxhbnRlZA", "bWU6cGxhbnRlZA")


@pytest.mark.parametrize("fault", FAULTS)
def test_no_exception_holds_it_when_a_server_fails_behind_the_proxy(monkeypatch, fault):
    with (
        ScriptedServer(FAULTS[fault]) as server,
        RecordingProxy(server.endpoint) as proxy,
    ):
        monkeypatch.setenv("http_proxy", proxy.endpoint.replace("//", f"//me:{PLANTED}@"))
        for error in asked(ELSEWHERE, timeout=(2.0, 0.3)):
            assert not knows(error, PLANTED, "bWU6cGxhbnRlZA")
        assert proxy.requests


@pytest.mark.parametrize(
    "typed",
    [
        *("http://me:planted@h:1", "http://me:pl/planted@h", "http://me:1#planted@h:x"),
        *("http://me:[planted@h", "me:planted@h:x", "http://planted:\n@h", "ftp://planted@h"),
        *("http://me:planted%40h:1", "http://me:planted\uff20h:1", "http://me:planted"),
        "http://h:x/?api_key=planted",
    ],
)
def test_no_exception_holds_the_password_of_an_address(monkeypatch, typed):
    """This includes an address from the environment."""
    monkeypatch.setenv("XINFERENCE_ENDPOINT", typed)
    for kind in (ChatXinference, XinferenceLLM, XinferenceEmbeddings, XinferenceRerank):
        for given in ({"server_url": typed}, {}):
            with pytest.raises(ConnectError, match=r"user name in it|not a server") as caught:
                kind(model_uid="tiny", **given)
            assert not knows(caught.value, PLANTED)


def test_a_rejected_parameter_leads_to_no_key():
    for kind in (ChatXinference, XinferenceLLM, XinferenceEmbeddings, XinferenceRerank):
        with pytest.raises(XinferenceError, match="no parameter 'tmeout'") as caught:
            kind("http://h", "tiny", f"xf-{PLANTED}", tmeout=1)
        assert PLANTED not in told(caught.value)


@pytest.mark.parametrize("status", [401, 422, 500])
def test_a_failed_refresh_leads_to_no_token(status):
    with TokenServer() as server:
        server.refresh = lambda _: (status, {"detail": "No"})
        login = Login(server.endpoint)
        login.keep(Tokens("ann", f"a-{PLANTED}", f"r-{PLANTED}", 0.0, 1.0))
        for error in asked(server.endpoint):
            assert not knows(error, PLANTED)


def test_a_damaged_login_file(server):
    """A token that isn't text is not sent."""
    login = Login(server.endpoint)
    login.keep(Tokens.of_key("xf-key"))
    write_private(login._file, {"access": [f"xf-{PLANTED}"], "expires": 1e12, "life": 1e12})
    for error in asked(server.endpoint):
        assert type(error) is AuthenticationError
        assert not knows(error, PLANTED)
    assert not server.requests
