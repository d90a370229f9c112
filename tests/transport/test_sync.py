"""The session on a network that misbehaves."""

import pytest

from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ModelNotReadyError,
    ServerError,
)
from xinference_magics.transport.endpoint import Timeouts
from xinference_magics.transport.sync import open_session


@pytest.fixture
def session(script):
    with open_session(script.endpoint, timeouts=Timeouts(0.5, 0.5)) as made:
        yield made


def test_an_answer_is_returned(script, session):
    assert session.get(script.plays(script.answer(body=b'{"a": 1}'))).json() == {"a": 1}


def test_an_error_status_raises_our_error(script, session):
    url = script.plays(
        script.answer(401, b'{"detail": "Could not validate credentials"}'),
        script.answer(
            503, b'{"detail": "Model is loading"}', "application/json", "retry-after: 30"
        ),
        script.answer(
            500, b"Internal Server Error: 1 validation error for X\nn\n  bad", "text/plain"
        ),
        script.answer(502, b"<html><title>Bad Gateway</title></html>", "text/html"),
    )
    with pytest.raises(AuthenticationError):
        session.get(url)
    with pytest.raises(ModelNotReadyError, match="in 30 s"):
        session.post(url, json={})
    with pytest.raises(BadRequestError, match="n: bad"):
        session.post(url, json={}, stream=True)
    with pytest.raises(ServerError, match="Bad Gateway"):
        session.get(url)


def test_a_web_page_is_not_an_xinference(script, session):
    with pytest.raises(ConnectError, match="it is not an Xinference server"):
        session.get(script.plays(script.answer(body=b"<html>Welcome</html>", kind="text/html")))


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


def test_tls_to_a_plain_server(script, session):
    url = script.plays(script.answer()).replace("http:", "https:")
    with pytest.raises(ConnectError, match=r"TLS|closed the connection|timed out"):
        session.get(url)


def test_silence_ends_after_the_read_timeout(script, session):
    with pytest.raises(ConnectError, match="is not responding"):
        session.get(script.plays(script.SILENCE))


def test_silence_in_the_middle_of_a_body(script, session):
    with pytest.raises(ConnectError, match="is not responding"):
        session.get(script.plays(script.answer(body=b"{}").replace(b"length: 2", b"length: 99")))


def test_the_timeout_of_a_request_is_respected(script, session):
    with pytest.raises(ConnectError, match="is not responding"):
        session.get(script.plays(script.SILENCE), timeout=(0.5, 0.1))


def test_a_black_hole_ends_after_the_connect_timeout(full_backlog):
    with (
        open_session(full_backlog, timeouts=Timeouts(0.3, 30)) as session,
        pytest.raises(ConnectError, match="the connection timed out"),
    ):
        session.get(full_backlog)


def test_a_server_that_does_not_speak_http(script, session):
    with pytest.raises(ConnectError, match=r"does not speak HTTP|closed"):
        session.get(script.plays(b"SSH-2.0-OpenSSH_9.6\r\n"))


def test_each_request_has_a_connection_of_its_own(script, session):
    url = script.plays(script.answer(), script.answer())
    session.get(url)
    session.post(url, json={"n": 1})
    assert [number for number, _ in script.requests] == [1, 2]
    assert all(b"\r\nconnection: close\r\n" in each.lower() for _, each in script.requests)


def test_a_reset_is_not_retried(script, session):
    with pytest.raises(ConnectError, match="closed the connection"):
        session.post(script.plays(script.RESET), json={})
    assert len(script.requests) == 1


def test_credentials_are_looked_up_for_each_request(script):
    tokens = iter(["one", None, "three"])
    with open_session(script.endpoint, token=lambda: next(tokens)) as session:
        for _ in range(3):
            session.get(script.plays(script.answer()))
    sent = [b"authorization: bearer" in request.lower() for _, request in script.requests]
    assert sent == [True, False, True]
    assert b"Bearer three" in script.requests[2][1]


def test_credentials_do_not_follow_to_another_host(script):
    moved = script.answer(307, b"", "text/plain", f"location: {script.endpoint}/there").replace(
        b"127.0.0.1", b"localhost"
    )
    with open_session(script.endpoint, token=lambda: "secret") as session:
        session.get(script.plays(moved, script.answer()))
    assert b"secret" in script.requests[0][1]
    assert b"secret" not in script.requests[1][1]


def test_no_proxy_is_used_for_this_machine(script, session, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert session.get(script.plays(script.answer())).ok
    with open_session("http://192.0.2.1") as elsewhere, pytest.raises(ConnectError, match="proxy"):
        elsewhere.get("http://192.0.2.1")
