"""A failed call has closed what it opened when it fails, without garbage collection.

Asynchronous calls are checked on a loop that continues, and on one that ends with them.
"""

import asyncio
import gc
import socket

import pytest
import recorded
import trustme
from broken_shell import connections, eventually
from faulty_proxy import Fault, FaultyProxy
from faulty_server import FaultyServer
from langchain_core.documents import Document
from scripted_server import Reply, Stream
from secured_server import secured_server

from xinference_magics import (
    ChatXinference,
    XinferenceEmbeddings,
    XinferenceLLM,
    XinferenceRerank,
)
from xinference_magics.auth.login import sign_in
from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import XinferenceError
from xinference_magics.transport.endpoint import Timeouts
from xinference_magics.transport.handle import ModelHandle
from xinference_magics.transport.sync import open_session
from xinference_magics.wire.shapes import MalformedError

BEGUN = recorded.llama("One", " two")[:3]
HTML, JSON = {"Content-Type": "text/html"}, {"Content-Type": "application/json"}
ANSWERS = {
    **{str(status): Reply(status, {"detail": "No"}) for status in (401, 403, 404, 429, 500, 503)},
    "page": Reply(200, "<html></html>", HTML),
    "bad gateway": Reply(502, "<html></html>", HTML),
    "no JSON": Reply(200, "{'a':", JSON),
    "bad gzip": Reply(200, "x", {"Content-Encoding": "gzip", **JSON}),
    "too short": Reply(200, "{}", {"Content-Length": "500"}),
    "redirects for ever": Reply(307, "", {"Location": "/v1/chat/completions"}),
    "redirects to nowhere": Reply(307, "", {"Location": "http://[::1"}),
    "redirects to another scheme": Reply(307, "", {"Location": "ftp://elsewhere/"}),
    "torn": Stream(BEGUN, end="torn"),
    "silent": Stream(BEGUN, end="never"),
    "reset": Stream(BEGUN, end="reset"),
    "without its end": Stream(BEGUN, done=False),
    "unreadable": Stream([*BEGUN, b"data: {bad\n\n"], end="never"),
    "an error": Stream([*BEGUN, b'data: {"error": "boom"}\n\n'], end="never"),
}
BROKEN = {
    f"{then} after {after}": Fault(then, after)
    for then in ("close", "reset", "silence")
    for after in (0, 170, 1500, 2500)  # the TLS handshake takes about 1400
} | {"refused": Fault("refuse"), "no place": Fault("full")}


@pytest.fixture(autouse=True)
def without_collection():
    """Disable collection: whoever caught an error keeps it and its frames, as shells do."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The certificate authority that all of these tests trust."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(path))
        yield made


@pytest.fixture(scope="module", params=["http", "https"])
def served(request, authority):
    """A server and its URL."""
    if request.param == "https":
        with secured_server(authority, "127.0.0.1") as made:
            yield made
    else:
        with FaultyServer() as server:
            yield server, server.endpoint


def calls(url):
    """Return calls to a server: synchronous ones, and ones to await."""
    at = {"server_url": url, "model_uid": "tiny", "timeout": (0.2, 0.2)}
    chat, text = ChatXinference(**at), XinferenceLLM(**at)
    vectors, ranks = XinferenceEmbeddings(**at), XinferenceRerank(**at)
    limits = Timeouts(0.2, 0.2)

    async def streamed():
        return [each async for each in chat.astream("x")]

    plain = [
        lambda: Cluster(url, timeouts=limits).models(),
        lambda: sign_in(url, "ann", "right", limits),
        lambda: chat.invoke("x"),
        lambda: list(chat.stream("x")),
        lambda: text.invoke("x"),
        lambda: vectors.embed_query("x"),
        lambda: ranks.compress_documents([Document("a")], "x"),
    ]
    return plain, [lambda: chat.ainvoke("x"), streamed, lambda: vectors.aembed_query("x")]


def check(url):
    """Make each call; return the connections left open, and the number of failures."""
    before, left, errors = connections(url), [], []

    def ended(error):
        errors.append(error)  # and with it everything that it refers to
        left.append(connections(url) - before)

    async def awaited(call):
        try:
            await call()
        except XinferenceError as error:
            ended(error)

    plain, awaitable = calls(url)
    for call in plain:
        try:
            call()
        except XinferenceError as error:
            ended(error)
    for call in awaitable:
        asyncio.run(awaited(call))
        left.append(connections(url) - before)
    return [each for each in left if each], len(errors)


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_bad_answer(served, answer):
    server, url = served
    server.faults[".*"] = ANSWERS[answer]
    left, failed = check(url)
    assert not left
    assert failed > 3


def test_a_stream_with_an_unexpected_status(served):
    server, url = served
    server.faults[".*"] = Reply(201, {"choices": []})
    before = connections(url)
    with open_session(url) as session, pytest.raises(MalformedError, match="201") as caught:
        ModelHandle(url, session).post("/v1/chat/completions", {"stream": True})
    assert connections(url) == before, caught


@pytest.mark.parametrize("fault", BROKEN)
def test_a_bad_network(served, fault):
    """Some short responses are complete before the fault strikes."""
    with FaultyProxy(served[0].endpoint) as proxy:
        served[0].faults.clear()
        proxy.fault = BROKEN[fault]
        scheme, _, _ = served[1].partition(":")
        left, failed = check(proxy.endpoint.replace("http:", f"{scheme}:"))
    assert not left
    assert failed > 0 or BROKEN[fault].after > 900


@pytest.mark.parametrize("name", ["127.0.0.1", "models.example"])
@pytest.mark.parametrize("ask_back", [False, True])
def test_a_handshake_that_fails(authority, monkeypatch, name, ask_back):
    """With an unknown authority, for another host, or without a required client certificate."""
    if not ask_back and name == "127.0.0.1":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    with secured_server(authority, name, ask_back=ask_back) as (_, url):
        left, failed = check(url)
    assert not left
    assert failed == 10


async def test_a_long_request_that_nobody_reads():
    """Cancelling it does not wait until it is sent; the abort request is soon given up as well."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        llm = ChatXinference(url, "tiny")
        for seconds in (0.1, 0.5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(llm.ainvoke("x" * 30_000_000), seconds)
            await asyncio.to_thread(eventually, lambda: not connections(url), "all is closed")
