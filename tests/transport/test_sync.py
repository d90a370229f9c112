"""The session on a network that misbehaves."""

import pytest
from scripted_server import Raw, Reply, ScriptedServer

from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ModelNotReadyError,
    ServerError,
)
from xinference_magics.transport.endpoint import Timeouts
from xinference_magics.transport.sync import open_session

HTML = {"Content-Type": "text/html"}
SILENCE = Raw(end="never")


@pytest.fixture
def server():
    with ScriptedServer() as made:
        yield made


@pytest.fixture
def session(server):
    with open_session(server.endpoint, timeouts=Timeouts(0.5, 0.5)) as made:
        yield made


@pytest.fixture
def plays(server):
    """Have the server play scripts, one for each request; returns its URL."""

    def play(*scripts):
        server["*"] = scripts
        return server.endpoint

    return play


def test_an_answer_is_returned(plays, session):
    assert session.get(plays(Reply(body={"a": 1}))).json() == {"a": 1}


def test_an_error_status_raises_our_error(plays, session):
    url = plays(
        Reply(401, {"detail": "Could not validate credentials"}),
        Reply(503, {"detail": "Model is loading"}, {"retry-after": "30"}),
        Reply(500, "Internal Server Error: 1 validation error for X\nn\n  bad"),
        Reply(502, "<html><title>Bad Gateway</title></html>", HTML),
    )
    with pytest.raises(AuthenticationError):
        session.get(url)
    with pytest.raises(ModelNotReadyError, match="in 30 s"):
        session.post(url, json={})
    with pytest.raises(BadRequestError, match="n: bad"):
        session.post(url, json={}, stream=True)
    with pytest.raises(ServerError, match="Bad Gateway"):
        session.get(url)


def test_a_web_page_is_not_an_xinference(plays, session):
    with pytest.raises(ConnectError, match="it is not an Xinference server"):
        session.get(plays(Reply(body="<html>Welcome</html>", headers=HTML)))


def test_a_refused_connection(closed_port):
    endpoint = f"http://127.0.0.1:{closed_port}"
    with open_session(endpoint) as session, pytest.raises(ConnectError, match="refused") as caught:
        session.get(endpoint)
    assert "Start `xinference-local`" in caught.value.hint


def test_an_unknown_host():
    endpoint = "http://no-such-host.invalid:1"
    with open_session(endpoint) as session:
        session.trust_env = False
        with pytest.raises(ConnectError, match="host not found"):
            session.get(endpoint)


def test_tls_to_a_plain_server(plays, session):
    url = plays(Reply()).replace("http:", "https:")
    with pytest.raises(ConnectError, match=r"TLS|closed the connection|timed out"):
        session.get(url)


def test_silence_ends_after_the_read_timeout(plays, session):
    with pytest.raises(ConnectError, match="is not responding"):
        session.get(plays(SILENCE))


def test_silence_in_the_middle_of_a_body(plays, session):
    with pytest.raises(ConnectError, match="is not responding"):
        session.get(plays(Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}", end="never")))


def test_the_timeout_of_a_request_is_respected(plays, session):
    with pytest.raises(ConnectError, match="is not responding"):
        session.get(plays(SILENCE), timeout=(0.5, 0.1))


def test_a_black_hole_ends_after_the_connect_timeout(full_backlog):
    with (
        open_session(full_backlog, timeouts=Timeouts(0.3, 30)) as session,
        pytest.raises(ConnectError, match="the connection timed out"),
    ):
        session.get(full_backlog)


def test_a_server_that_does_not_speak_http(plays, session):
    with pytest.raises(ConnectError, match=r"does not speak HTTP|closed"):
        session.get(plays(Raw(b"SSH-2.0-OpenSSH_9.6\r\n")))


def test_each_request_has_a_connection_of_its_own(plays, session, server):
    """Even if the server keeps the connection open, without announcing that it would not."""
    url = plays(Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", end="never"))
    session.get(url)
    session.post(url, json={"n": 1})
    first, second = server.requests
    assert first.connection != second.connection
    assert first.headers["Connection"] == second.headers["Connection"] == "close"


def test_a_reset_is_not_retried(plays, session, server):
    with pytest.raises(ConnectError, match="closed the connection"):
        session.post(plays(Raw(end="reset")), json={})
    assert len(server.requests) == 1


def test_credentials_are_looked_up_for_each_request(plays, server):
    tokens = iter(["one", None, "three"])
    with open_session(server.endpoint, token=lambda: next(tokens)) as session:
        for _ in range(3):
            session.get(plays(Reply()))
    sent = [each.headers.get("Authorization") for each in server.requests]
    assert sent == ["Bearer one", None, "Bearer three"]


def test_credentials_do_not_follow_to_another_host(plays, server):
    there = server.endpoint.replace("127.0.0.1", "localhost")
    with open_session(server.endpoint, token=lambda: "secret") as session:
        session.get(plays(Reply(307, "", {"Location": there}), Reply()))
    first, second = server.requests
    assert "secret" in str(first.headers)
    assert "secret" not in str(second.headers)


def test_no_proxy_is_used_for_this_machine(plays, session, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert session.get(plays(Reply())).ok
    with open_session("http://192.0.2.1") as elsewhere, pytest.raises(ConnectError, match="proxy"):
        elsewhere.get("http://192.0.2.1")
