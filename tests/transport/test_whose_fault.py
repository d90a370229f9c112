"""Only what an HTTP client raises is the network's fault; a bug or the user's exception is not."""

import asyncio
import functools
import json
from pathlib import Path

import pytest
import recorded
import requests
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics import ChatXinference, XinferenceEmbeddings
from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import ConnectError, NotebookError
from xinference_magics.notebook.bugs import place_of_bug
from xinference_magics.transport import aio, handle, sync

WHOLE = Reply(body=recorded.whole({"content": "Hello!"}))
BUGS = """
import json, re
def parsed(*_, **__):
    return json.loads(None)
def torn(*_, **__):
    return json.loads("{")
def compiled(*_, **__):
    return re.compile("(")
def opened(*_, **__):
    return open("/nonexistent/file")
"""
KINDS = {
    "parsed": TypeError,
    "torn": json.JSONDecodeError,
    "compiled": Exception,
    "opened": FileNotFoundError,
}


async def astreamed(llm):
    return [chunk async for chunk in llm.astream("x")]


ASKED = {
    "invoke": lambda llm: llm.invoke("x"),
    "stream": lambda llm: list(llm.stream("x")),
    "ainvoke": lambda llm: asyncio.run(llm.ainvoke("x")),
    "astream": lambda llm: asyncio.run(astreamed(llm)),
    "structured": lambda llm: llm.with_structured_output({"title": "A", "type": "object"}).invoke(
        "x"
    ),
}


@pytest.fixture(params=KINDS)
def bug(request):
    """A function that fails inside a library, as if a module of the package called it."""
    package = {"__name__": "xinference_magics.broken"}
    exec(BUGS, package)  # noqa: S102  # this is what makes it a part of it
    return package[request.param]


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  # the tests look at what it is
        call()
    return caught.value


WHERE = [
    (handle, "whole", "invoke"),
    (aio, "whole", "ainvoke"),
    (handle, "read", "stream"),
    (aio, "aread", "astream"),
    (sync._Adapter, "_check", "invoke"),
    (sync._Adapter, "get_connection_with_tls_context", "invoke"),
]


@pytest.mark.parametrize(("module", "name", "asks"), WHERE)
def test_a_bug_of_ours_inside_a_library_surfaces_as_itself(monkeypatch, bug, module, name, asks):
    monkeypatch.setattr(module, name, bug)
    script = Stream(recorded.llama("a")) if "stream" in asks else WHOLE
    with ScriptedServer(script) as server:
        llm = ChatXinference(server.endpoint, "tiny", engine="llama.cpp")
        error = raised(lambda: ASKED[asks](llm))
    assert isinstance(error, KINDS[bug.__name__])
    assert place_of_bug(error).startswith("xinference_magics.broken")


def test_a_bug_below_the_management_client_surfaces_as_itself(monkeypatch, bug):
    monkeypatch.setattr(sync._Session, "send", bug)
    error = raised(Cluster("http://127.0.0.1:1").models)
    assert isinstance(error, KINDS[bug.__name__])
    assert place_of_bug(error).startswith("xinference_magics.broken")


def refused_by_requests():
    return requests.get("http://127.0.0.1:1", timeout=1).text


def timed_out():
    raise TimeoutError("no answer from the vault")


SOURCES = {
    "a file that is missing": (Path("/nonexistent/token").read_text, FileNotFoundError),
    "a key that is missing": (lambda: {}["token"], KeyError),
    "text that is not JSON": (lambda: json.loads("xf-"), json.JSONDecodeError),
    "a timeout": (timed_out, TimeoutError),
    "a request of its own": (refused_by_requests, requests.ConnectionError),
    "a function of a library": (
        functools.partial(requests.get, "http://127.0.0.1:1", timeout=1),
        requests.ConnectionError,
    ),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("asks", ASKED)
def test_an_exception_of_the_token_source_leaves_as_it_is(source, asks):
    supply, kind = SOURCES[source]
    with ScriptedServer(WHOLE) as server:
        error = raised(
            lambda: ASKED[asks](ChatXinference(server.endpoint, "tiny", token_source=supply))
        )
        assert not server.requests
    assert isinstance(error, kind)
    assert not getattr(error, "is_retryable", False)
    assert place_of_bug(error) == ""


@pytest.mark.parametrize("source", SOURCES)
def test_it_does_so_from_other_requests_too(source):
    supply, kind = SOURCES[source]
    url = "http://127.0.0.1:1"
    embeddings = XinferenceEmbeddings(url, "tiny", token_source=supply)
    assert isinstance(raised(lambda: embeddings.embed_query("x")), kind)
    assert isinstance(raised(Cluster(url, token=supply).models), kind)


def test_an_error_of_ours_from_a_token_source_is_kept():
    def source():
        raise NotebookError("No vault is open.")

    llm = ChatXinference("http://127.0.0.1:1", "tiny", token_source=source)
    assert str(raised(lambda: llm.invoke("x"))) == "No vault is open."


@pytest.mark.parametrize("asks", ASKED)
def test_the_network_is_still_blamed_for_its_faults(asks, closed_port):
    llm = ChatXinference(f"http://127.0.0.1:{closed_port}", "tiny", token_source=lambda: "xf-key")
    error = raised(lambda: ASKED[asks](llm))
    assert type(error) is ConnectError
    assert "refused the connection" in error.message
    assert error.is_retryable
