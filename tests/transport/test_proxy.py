"""Proxies from the environment: used for other machines, never for this one."""

import os
from inspect import isawaitable

import pytest
import recorded
from recording_proxy import RecordingProxy
from scripted_server import Reply, ScriptedServer, Stream

from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import ConnectError

ELSEWHERE = "http://models.example:9997"  # only the proxy knows where that is
PATH = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    whole, stream = recorded.whole({"content": "Hello!"}), recorded.llama("Hel", "lo!")
    with ScriptedServer(*[*[Reply(body=whole)] * 2, *[Stream(stream)] * 2] * 2) as server:
        yield server


@pytest.fixture
def proxy(server, monkeypatch):
    with RecordingProxy(server.endpoint) as made:
        monkeypatch.setenv("http_proxy", made.endpoint)
        yield made


async def answers(llm):
    """Ask in all four ways: invoke and stream, synchronously and asynchronously."""
    return [
        llm.invoke("x").content,
        (await llm.ainvoke("x")).content,
        "".join(chunk.content for chunk in llm.stream("x")),
        "".join([chunk.content async for chunk in llm.astream("x")]),
    ]


async def test_a_server_elsewhere_is_reached_through_the_proxy(proxy, server):
    assert await answers(ChatXinference(ELSEWHERE, "tiny")) == ["Hello!"] * 4
    assert [each.url for each in proxy.requests] == [ELSEWHERE + PATH] * 4
    assert len(server.bodies) == 4


async def test_a_proxy_has_credentials_of_its_own(server, monkeypatch):
    with RecordingProxy(server.endpoint) as proxy:
        monkeypatch.setenv("http_proxy", proxy.endpoint.replace("//", "//me:hunter2@"))
        await answers(ChatXinference(ELSEWHERE, "tiny", api_key="xf-key"))
    passed = [each.headers["Proxy-Authorization"] for each in proxy.requests]
    assert passed == ["Basic bWU6aHVudGVyMg=="] * 4
    assert [each.headers["Authorization"] for each in server.requests] == ["Bearer xf-key"] * 4


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_is_reached_without_the_proxy(proxy, server, host):
    endpoint = server.endpoint.replace("127.0.0.1", host)
    assert await answers(ChatXinference(endpoint, "tiny")) == ["Hello!"] * 4
    assert proxy.requests == []


async def test_no_proxy_is_respected(proxy, monkeypatch):
    monkeypatch.setenv("no_proxy", "models.example")
    llm = ChatXinference(ELSEWHERE, "tiny")
    with pytest.raises(ConnectError, match=r"models\.example"):
        llm.invoke("x")
    with pytest.raises(ConnectError, match=r"models\.example"):
        await llm.ainvoke("x")
    assert proxy.requests == []


async def test_a_proxy_that_is_down_is_named(monkeypatch, closed_port):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    llm = ChatXinference(ELSEWHERE, "tiny")
    with pytest.raises(ConnectError, match="proxy"):
        llm.invoke("x")
    with pytest.raises(ConnectError, match="proxy"):
        await llm.ainvoke("x")


@pytest.mark.parametrize(
    "named",
    [
        *("http://me:hunter2@127.0.0.1:{port}", "https://me:hunter2@127.0.0.1:{port}"),
        *("me:hunter2@127.0.0.1:{port}", "http://me:hunter2@[::1/", "http://me:hunter2@host:port"),
        *("socks5://me:hunter2@127.0.0.1:{port}", "http://", "http://me:hunter2@:1"),
    ],
)
async def test_errors_about_a_proxy_do_not_show_its_password(monkeypatch, closed_port, named):
    """Nor do the exceptions that caused the error."""
    monkeypatch.setenv("http_proxy", named.format(port=closed_port))
    llm = ChatXinference(ELSEWHERE, "tiny")
    for ask in (llm.invoke, llm.ainvoke):
        with pytest.raises(ConnectError) as caught:
            await asked if isawaitable(asked := ask("x")) else asked
        error = caught.value
        if ask == llm.ainvoke:
            assert "http_proxy" in error.hint
        while error is not None:
            assert "hunter2" not in f"{error} {error!r} {vars(error)}"
            error = error.__cause__ or error.__context__


async def test_a_proxy_may_be_named_without_its_scheme(proxy, server, monkeypatch):
    """As curl and `requests` accept it."""
    monkeypatch.setenv("http_proxy", os.environ["http_proxy"].removeprefix("http://"))
    assert await answers(ChatXinference(ELSEWHERE, "tiny")) == ["Hello!"] * 4
    assert len(proxy.requests) == 4


async def test_a_netrc_never_replaces_the_key(proxy, server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine models.example login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    await answers(ChatXinference(ELSEWHERE, "tiny", api_key="xf-key"))
    await answers(ChatXinference(ELSEWHERE, "tiny"))
    sent = [each.headers.get("Authorization") for each in server.requests]
    assert sent == ["Bearer xf-key"] * 4 + [None] * 4
